/**
 * `make test`: the whole suite. Unit and in-process tests run first, then the simulator, then tests on real
 * processes, one file at a time. `--stage NAME` runs the staged suites whose name begins with NAME instead.
 * The last line is `N passed, M failed`.
 */
import { runSimulator } from './sim-run.js';
import { ensureTestPackages } from './test-packages.js';
import { type Counts, printSummary, runVitest } from './vitest-run.js';

async function runStage(stage: string): Promise<Counts> {
  return runVitest([`tests/${stage}`], { serial: false });
}

async function runAll(filters: readonly string[]): Promise<Counts[]> {
  ensureTestPackages();
  if (filters.length > 0) return [await runVitest(filters, { serial: true })];
  return [
    await runVitest(['--exclude', '**/tests/e2e/**'], { serial: false }),
    await runSimulator(['suite']),
    await runVitest(['tests/e2e/'], { serial: true }),
  ];
}

const args = process.argv.slice(2);
const counts = args[0] === '--stage' ? [await runStage(args[1] ?? 'project')] : await runAll(args);
process.exitCode = printSummary(counts);
