/**
 * `make check`: every static check and the unit tests, two at a time, the longest first. Prints one line
 * per check, and the output of those that fail. `--static` leaves out the unit tests: `make ci` runs them
 * with the rest of the suite.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const PARALLEL = 2;

interface Check {
  readonly name: string;
  readonly command: readonly string[];
  /** It is a part of `make test` too. */
  readonly isTested?: boolean;
}

const checks: readonly Check[] = [
  {
    name: 'unit tests',
    isTested: true,
    command: [
      'vitest',
      'run',
      '--reporter=dot',
      '/src/',
      'tests/tidy.test.ts',
      'tests/docs.test.ts',
    ],
  },
  { name: 'lint (typed)', command: ['eslint', 'packages'] },
  { name: 'types of tests', command: ['tsc', '-p', 'tsconfig.test.json'] },
  {
    name: 'layers',
    command: [
      'depcruise',
      '--config',
      '.dependency-cruiser.cjs',
      '--output-type',
      'err',
      'packages',
    ],
  },
  { name: 'dead code', command: ['knip', '--no-progress'] },
  { name: 'format and lint', command: ['biome', 'check', '.'] },
];

function runCheck(check: Check): Promise<boolean> {
  const [tool, ...args] = check.command;
  const startedAt = performance.now();
  const child = spawn(`node_modules/.bin/${tool}`, args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => output.push(chunk));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
      console.log(`${code === 0 ? 'ok  ' : 'FAIL'} ${check.name} (${seconds} s)`);
      if (code !== 0) process.stdout.write(Buffer.concat(output));
      resolve(code === 0);
    });
  });
}

async function main(args: readonly string[]): Promise<number> {
  const unknown = args.filter((arg) => arg !== '--static');
  if (unknown.length > 0) throw new Error(`unknown argument ${unknown[0]}`);
  const wanted = checks.filter(({ isTested = false }) => args.length === 0 || !isTested);
  const queue = [...wanted];
  let failed = 0;
  const worker = async (): Promise<void> => {
    for (let check = queue.shift(); check !== undefined; check = queue.shift()) {
      if (!(await runCheck(check))) failed++;
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  console.log(failed === 0 ? 'check: all ok' : `check: ${failed} of ${wanted.length} failed`);
  return failed === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
