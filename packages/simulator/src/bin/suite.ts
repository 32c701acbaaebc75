import { EXIT } from './arguments.js';
import { currentCommit } from './commit.js';
import { writeCounts } from './counts.js';
import { demandsOf, suiteLimits } from './demands.js';
import type { Job } from './job.js';
import { Pool } from './pool.js';
import { Progress } from './progress.js';
import { costliestFirst, isRunTwice, planOf } from './seeds.js';
import { failureText, progressText, replayCommand, totalsText } from './text.js';
import { Totals } from './totals.js';

export interface SuiteOptions {
  readonly jobs: number;
  readonly counts?: string;
}

/** `pnpm sim suite`: every seed and every demand counts as a test. */
export async function runSuite({ jobs, counts }: SuiteOptions): Promise<number> {
  const { fixedSeeds, freshSeeds, secondsBudget } = suiteLimits;
  // Seconds of the clock: another number each time, and one that says when.
  const firstFresh = Math.floor(Date.now() / 1_000);
  const progress = new Progress();
  progress.print(
    `simulator: seeds 1 to ${fixedSeeds} and ${firstFresh} to ${firstFresh + freshSeeds - 1}`,
  );
  const commit = currentCommit();
  const totals = new Totals();
  const pool = new Pool(jobs);
  const queue = suiteJobs(firstFresh);
  try {
    await pool.run(
      () => queue.next().value,
      (report) => {
        totals.add(report);
        if (report.violations.length > 0) {
          progress.print(failureText(report, commit, replayCommand(report.plan)));
        }
        progress.show(() => progressText(totals, fixedSeeds + freshSeeds, progress.seconds));
        return true;
      },
    );
  } finally {
    pool.stop();
  }
  const demands = demandsOf(totals);
  progress.print(totalsText(totals, progress.seconds));
  for (const { met, text } of demands) progress.print(`${met ? 'ok  ' : 'FAIL'} ${text}`);
  if (progress.seconds > secondsBudget) {
    progress.print(`it took ${progress.seconds.toFixed(0)} s; its budget is ${secondsBudget} s`);
  }
  const failed = totals.failed + demands.filter(({ met }) => !met).length;
  writeCounts(counts, { passed: totals.seeds + demands.length - failed, failed });
  return failed === 0 ? EXIT.ok : EXIT.violation;
}

function* suiteJobs(firstFresh: number): Generator<Job, undefined> {
  const { fixedSeeds, freshSeeds } = suiteLimits;
  const seeds = Array.from({ length: fixedSeeds + freshSeeds }, (_, i) =>
    i < fixedSeeds ? i + 1 : firstFresh + i - fixedSeeds,
  );
  for (const seed of costliestFirst(seeds)) {
    yield { plan: planOf(seed, { profile: 'swarm' }), twice: isRunTwice(seed) };
  }
}
