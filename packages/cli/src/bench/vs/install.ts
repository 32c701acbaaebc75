import { spawnSync } from 'node:child_process';
import { CliError } from '../../program.js';
import type { Peer } from './row.js';

interface Debian {
  readonly program: string;
  readonly package: string;
}

const PACKAGES: Readonly<Record<Peer, Debian>> = {
  etcd: { program: 'etcd', package: 'etcd-server' },
  'redis-replicated': { program: 'redis-server', package: 'redis-server' },
  redis: { program: 'redis-server', package: 'redis-server' },
};

const INSTALL_MS = 300_000;

/** Installs the peer from Debian's package when it is missing. Throws {@link CliError} when that fails. */
export function installPeer(peer: Peer, say: (line: string) => void): void {
  const debian = PACKAGES[peer];
  if (isThere(debian.program)) return;
  say(`${debian.program} is missing: apt-get install -y ${debian.package}`);
  const failure = install(debian.package) ?? missing(debian.program);
  if (failure !== undefined) {
    throw new CliError(`cannot install ${debian.package}: ${failure}`);
  }
}

function isThere(program: string): boolean {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined;
}

function missing(program: string): string | undefined {
  return isThere(program) ? undefined : `the package brought no ${program}`;
}

/** A machine that has never updated its lists knows no packages: then once more with fresh ones. */
function install(name: string): string | undefined {
  if (aptGet('install', '-y', name) === undefined) return undefined;
  return aptGet('update') ?? aptGet('install', '-y', name);
}

/** Why it failed; undefined when it did not. */
function aptGet(...args: readonly string[]): string | undefined {
  const done = spawnSync('apt-get', args, {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
    timeout: INSTALL_MS,
  });
  if (done.error !== undefined) return done.error.message;
  if (done.status === 0) return undefined;
  return done.stderr.trim().split('\n').at(-1) || `apt-get ended with ${done.status ?? 'a signal'}`;
}
