import { join } from 'node:path';
import type { WorkloadName } from '../run/plan.js';
import { EXIT } from './arguments.js';
import { currentCommit, isDirty, recordsPath, resultsFolder } from './commit.js';
import { writeCounts } from './counts.js';
import type { Job } from './job.js';
import { type KeptRun, keptRunOf, verdictsOf } from './kept-runs.js';
import {
  ledgerOf,
  ledgerText,
  recordOf,
  type SeedRecord,
  type SeedVerdict,
} from './long-record.js';
import { Pool } from './pool.js';
import { Progress } from './progress.js';
import { ResultsFile } from './results-file.js';
import { isRunTwice, planOf, type SeedChoice } from './seeds.js';
import { failureText, progressText, replayCommand, totalsText } from './text.js';
import { Totals } from './totals.js';

/** What a series of runs must reach: over all workloads by turns, and with one of them alone. */
export const SEEDS_IN_ALL = 5_000;
export const SEEDS_OF_ONE = 2_000;
/** How many a run goes on when that has been reached. */
const SEEDS_MORE = 500;
/** A run that fails so often has nothing more to say. */
const FAILURES_MAX = 20;
/** A run that is killed loses the verdicts since the last block of so many. */
const BLOCK_SEEDS = 50;

export interface LongOptions {
  /** This one alone, in a series of its own. */
  readonly workload?: WorkloadName;
  readonly seeds?: number;
  readonly jobs: number;
  readonly counts?: string;
}

/** `pnpm sim long`: first the seeds that failed on other commits, then seeds that nobody has run. */
export async function runLong({ workload, seeds, jobs, counts }: LongOptions): Promise<number> {
  const name = workload === undefined ? 'sim' : `sim-${workload}`;
  const file = new ResultsFile<SeedRecord>(join(resultsFolder, `${name}.jsonl`));
  const commit = currentCommit();
  const kept = new ResultsFile<KeptRun>(recordsPath(name, commit));
  const records = verdictsOf(kept.read());
  let block: SeedVerdict[] = [];
  const keep = (): void => {
    if (block.length > 0) kept.append(keptRunOf(commit, block));
    block = [];
  };
  const before = ledgerOf(records);
  const again = before.open.filter((record) => record.commit !== commit || isDirty(commit));
  const missing = (workload === undefined ? SEEDS_IN_ALL : SEEDS_OF_ONE) - before.seeds;
  const wanted = seeds ?? (missing > 0 ? missing : SEEDS_MORE);
  const queue = [
    ...again.map(({ seed }) => seed),
    ...Array.from({ length: wanted }, (_, i) => before.nextSeed + i),
  ];
  const progress = new Progress();
  progress.print(
    `${before.seeds} seeds before; ${again.length} that failed again, then ${wanted} from ${before.nextSeed}`,
  );
  const totals = new Totals();
  const pool = new Pool(jobs);
  try {
    await pool.run(
      () => jobOf(queue.shift(), workload),
      (report) => {
        const record = recordOf(report, commit);
        file.append(record);
        records.push(record);
        block.push(record);
        if (block.length >= BLOCK_SEEDS) keep();
        totals.add(report);
        if (report.violations.length > 0) {
          progress.print(failureText(report, commit, replayCommand(report.plan)));
        }
        progress.show(() => progressText(totals, wanted + again.length, progress.seconds));
        return totals.failed < FAILURES_MAX;
      },
    );
  } finally {
    pool.stop();
    keep();
  }
  const after = ledgerOf(records);
  progress.print(totalsText(totals, progress.seconds));
  progress.print(ledgerText(after));
  writeCounts(counts, { passed: after.seeds - after.open.length, failed: after.open.length });
  return after.open.length === 0 ? EXIT.ok : EXIT.violation;
}

function jobOf(seed: number | undefined, workload: WorkloadName | undefined): Job | undefined {
  if (seed === undefined) return undefined;
  const choice: SeedChoice = { profile: 'swarm' };
  const plan = planOf(seed, workload === undefined ? choice : { ...choice, workload });
  return { plan, twice: isRunTwice(seed) };
}
