import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CliError } from '../../program.js';
import { RespClient } from '../../resp-client.js';
import { freePorts } from './free-ports.js';
import { PeerProcess } from './peer-process.js';
import type { Resources } from './resources.js';
import { makeTempFolder } from './temp-folder.js';
import type { ProcessRef } from './usage.js';

const START_MS = 10_000;

/** One redis-server that syncs every write, its data in a temporary folder. */
export interface RedisProcess {
  readonly address: string;
  readonly processes: readonly ProcessRef[];
  /** How it has ended; undefined while it runs. */
  readonly failure: () => string | undefined;
}

export async function startRedis(resources: Resources): Promise<RedisProcess> {
  return refOf(await startServer(resources, 'redis', []));
}

/** A primary with two replicas that have all that it has; the address is the primary's. */
export async function startReplicatedRedis(resources: Resources): Promise<RedisProcess> {
  // Replicas that ask at nearly the same time share one copy, for which the primary would wait some seconds.
  const primary = await startServer(resources, 'redis', ['--repl-diskless-sync-delay', '0']);
  const [host = '', port = ''] = primary.address.split(':');
  const replicas: Server[] = [];
  for (const name of ['redis-replica-1', 'redis-replica-2']) {
    replicas.push(await startServer(resources, name, ['--replicaof', host, port]));
  }
  const all = refOf(primary, ...replicas);
  const problem = 'the replicas of redis-server do not catch up';
  await until(() => isReplicated(primary.address), all.failure, problem);
  return all;
}

interface Server {
  readonly address: string;
  readonly process: PeerProcess;
}

/** The first of the servers is the one to talk to. */
function refOf(first: Server, ...others: readonly Server[]): RedisProcess {
  const servers = [first, ...others];
  return {
    address: first.address,
    failure: () => servers.map(({ process }) => process.failure).find((why) => why !== undefined),
    processes: servers.map(({ process: { name, pid } }) => ({ name, pid })),
  };
}

async function startServer(
  resources: Resources,
  name: string,
  options: readonly string[],
): Promise<Server> {
  const [port = 0] = await freePorts(1);
  const folder = makeTempFolder(resources, name);
  const servers: PeerProcess[] = [];
  resources.add({
    stop: async () => {
      for (const server of servers) await server.stop();
    },
    kill: () => {
      for (const server of servers) server.kill();
    },
  });
  const place = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', ''];
  const args = [...place, '--appendonly', 'yes', '--appendfsync', 'always', ...options];
  const process = new PeerProcess(name, 'redis-server', args, join(folder, 'redis.log'));
  servers.push(process);
  const address = `127.0.0.1:${port}`;
  await until(
    () => answers(address),
    () => process.failure,
    'redis-server does not answer',
  );
  return { address, process };
}

/** Asks again until it is so. Throws {@link CliError} when a process has failed or it takes too long. */
async function until(
  isSo: () => Promise<boolean>,
  failure: () => string | undefined,
  problem: string,
): Promise<void> {
  const deadline = performance.now() + START_MS;
  while (!(await isSo())) {
    const why = failure();
    if (why !== undefined || performance.now() > deadline) throw new CliError(why ?? problem);
    await sleep(50);
  }
}

/** Both replicas have the primary's data set and follow its writes. */
async function isReplicated(address: string): Promise<boolean> {
  const client = await RespClient.connect(address);
  try {
    return (await client.command('WAIT', '2', '1')) === 2;
  } finally {
    client.close();
  }
}

async function answers(address: string): Promise<boolean> {
  try {
    const client = await RespClient.connect(address);
    const reply = await client.command('PING');
    client.close();
    return reply === 'PONG';
  } catch {
    return false;
  }
}
