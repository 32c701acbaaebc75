import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Programs that tests compare with or drive, and the Debian packages that bring them. */
const needed: readonly { readonly program: string; readonly debian: string }[] = [
  { program: 'redis-server', debian: 'redis-server' },
  { program: 'redis-cli', debian: 'redis-tools' },
  { program: 'etcd', debian: 'etcd-server' },
];

function isInstalled(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * Installs what is missing when this is root on Debian; says what to install otherwise. In CI a missing
 * program is an error, elsewhere the tests that need it say that they were left out.
 */
export function ensureTestPackages(): void {
  const missing = needed.filter((item) => !isInstalled(item.program)).map((item) => item.debian);
  if (missing.length === 0) return;
  if (process.getuid?.() === 0 && isInstalled('apt-get')) {
    // RUNLEVEL=1: the package's own service must not start and take the port 6379.
    const env = { ...process.env, RUNLEVEL: '1', DEBIAN_FRONTEND: 'noninteractive' };
    console.log(`installing ${missing.join(' ')}`);
    execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], {
      env,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    return;
  }
  const message = `missing: ${missing.join(' ')} (Debian: apt-get install ${missing.join(' ')})`;
  if (process.env['CI'] === 'true') throw new Error(message);
  console.log(message);
}
