/**
 * `make test`: the whole suite. Unit and in-process tests run first, then the simulator, then tests on real
 * processes: two files at a time where they wait more than they work, the others one at a time. `--stage NAME`
 * runs the staged suites whose name begins with NAME instead. The last line is `N passed, M failed`.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runSimulator } from './sim-run.js';
import { ensureTestPackages } from './test-packages.js';
import { type Counts, printSummary, runVitest } from './vitest-run.js';

/** Files on real processes that measure nothing and leave the processors idle for most of their time. */
const idleFiles = [
  'packages/cli/tests/e2e/client-docs.test.ts',
  'packages/cli/tests/e2e/copied-folder.test.ts',
  'packages/cli/tests/e2e/ctl.test.ts',
  'packages/cli/tests/e2e/damaged-disk.test.ts',
  'packages/cli/tests/e2e/destroyed-range.test.ts',
  'packages/cli/tests/e2e/disk-full.test.ts',
  'packages/cli/tests/e2e/disk-reserve.test.ts',
  'packages/cli/tests/e2e/last-timestamp.test.ts',
  'packages/cli/tests/e2e/packed.test.ts',
  'packages/cli/tests/e2e/playground.test.ts',
  'packages/cli/tests/e2e/readme.test.ts',
  'packages/cli/tests/e2e/servers.test.ts',
  'packages/kvs/tests/e2e/kvs.test.ts',
];

/** A file that has moved would be left out of one run and not be in the other. */
function checkIdleFiles(): void {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const missing = idleFiles.filter((file) => !existsSync(root + file));
  if (missing.length > 0) throw new Error(`scripts/test.ts names what is not there: ${missing}`);
}

async function runStage(stage: string): Promise<Counts> {
  return runVitest([`tests/${stage}`], { serial: false });
}

async function runAll(filters: readonly string[]): Promise<Counts[]> {
  checkIdleFiles();
  ensureTestPackages();
  if (filters.length > 0) return [await runVitest(filters, { serial: true })];
  return [
    await runVitest(['--exclude', '**/tests/e2e/**'], { serial: false }),
    await runSimulator(['suite']),
    await runVitest(idleFiles, { serial: false }),
    await runVitest(['tests/e2e/', ...idleFiles.flatMap((file) => ['--exclude', file])], {
      serial: true,
    }),
  ];
}

const args = process.argv.slice(2);
const counts = args[0] === '--stage' ? [await runStage(args[1] ?? 'project')] : await runAll(args);
process.exitCode = printSummary(counts);
