/**
 * `make test-long`: the full sizes, area by area. Each finished item is appended to `docs/records/<area>.jsonl`,
 * so a rerun on the same commit goes on where the last one ended, and git keeps what was run. Records of a dirty tree
 * go to `test-long-results/records`, and all is run again. The simulator writes its own records, over commits too.
 */
import { currentCommit, isDirty, recordsPath } from '../packages/simulator/src/bin/commit.js';
import { ResultsFile } from '../packages/simulator/src/bin/results-file.js';
import { runSimulator } from './sim-run.js';
import { ensureTestPackages } from './test-packages.js';
import { type Counts, printSummary, runVitest } from './vitest-run.js';

interface Area {
  readonly name: string;
  /** What vitest is to run. */
  readonly files: readonly string[];
  readonly rounds: number;
}

/** Commands of the simulator, which goes on by files of its own. */
const simulatorAreas: Readonly<Record<string, readonly string[]>> = {
  sim: ['long'],
  'sim-txn': ['long', '--workload', 'txn'],
  planted: ['planted'],
};

/** `TINYKV_LONG=1` tells tests to take their full sizes. */
const areas: readonly Area[] = [
  { name: 'unit', files: ['/src/'], rounds: 1 },
  { name: 'suites', files: ['--exclude', '**/tests/e2e/**', '/tests/'], rounds: 1 },
  { name: 'stages', files: ['tests/project'], rounds: 20 },
  // More than a million random commands against the naive model.
  { name: 'mvcc', files: ['packages/txn/tests/mvcc-model'], rounds: 1 },
  { name: 'failover', files: ['tests/e2e/failover', 'tests/e2e/without-scheduler'], rounds: 1 },
  { name: 'scheduler-away', files: ['tests/e2e/scheduler-away'], rounds: 1 },
  { name: 'bank', files: ['tests/e2e/bank'], rounds: 1 },
  // A minute of each in a round, with kills.
  { name: 'txn', files: ['tests/e2e/bank', 'tests/e2e/lists'], rounds: 10 },
  { name: 'scale', files: ['tests/e2e/scale'], rounds: 1 },
  { name: 'bad-input', files: ['tests/e2e/bad-input'], rounds: 1 },
  // At least 10,000 distinct requests of every method.
  { name: 'fuzz-ports', files: ['tests/fuzz/', 'tests/e2e/fuzz-ports'], rounds: 1 },
  { name: 'counts', files: ['tests/e2e/counts'], rounds: 1 },
  {
    name: 'damaged-disk',
    files: ['tests/e2e/damaged-disk', 'tests/e2e/disk-full', 'tests/e2e/disk-reserve'],
    rounds: 3,
  },
];

interface StoredResult extends Counts {
  readonly commit: string;
  readonly item: string;
}

function storedResults(
  results: readonly StoredResult[],
  commit: string,
): Map<string, StoredResult> {
  if (isDirty(commit)) return new Map(); // Nobody knows which files it had.
  // A failed item is run again: only a pass counts.
  const passed = results.filter((result) => result.commit === commit && result.failed === 0);
  return new Map(passed.map((result) => [result.item, result]));
}

async function runArea(area: Area, commit: string): Promise<Counts[]> {
  const records = new ResultsFile<StoredResult>(recordsPath(area.name, commit));
  const done = storedResults(records.read(), commit);
  const counts: Counts[] = [];
  for (let round = 1; round <= area.rounds; round++) {
    const item = `${area.name}-${round}`;
    const before = done.get(item);
    if (before !== undefined) {
      console.log(`${item}: done before, ${before.passed} passed`);
      counts.push(before);
      continue;
    }
    const result = await runVitest(area.files, { serial: true, env: { TINYKV_LONG: '1' } });
    records.append({ commit, item, ...result });
    counts.push(result);
  }
  return counts;
}

async function main(): Promise<number> {
  const [wanted, ...args] = process.argv.slice(2);
  const chosen = areas.filter((area) => wanted === undefined || area.name === wanted);
  const simulated = Object.keys(simulatorAreas).filter((name) => (wanted ?? name) === name);
  if (chosen.length + simulated.length === 0) {
    const names = [...areas.map((area) => area.name), ...Object.keys(simulatorAreas)];
    console.error(`no such area: ${wanted}; there are ${names.join(', ')}`);
    return 2;
  }
  if (chosen.length > 0) ensureTestPackages();
  const commit = currentCommit();
  const counts: Counts[] = [];
  for (const area of chosen) counts.push(...(await runArea(area, commit)));
  for (const name of simulated) {
    counts.push(await runSimulator([...simulatorAreas[name]!, ...args]));
  }
  return printSummary(counts);
}

process.exitCode = await main();
