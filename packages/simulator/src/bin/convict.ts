import type { PlantedBug } from '../planted-bugs.js';
import type { Job, Report } from './job.js';
import type { PlantedRecord } from './planted-record.js';

/** What the search for a planted bug runs seeds with, and tells of it. */
export interface SeedRunner {
  readonly run: (
    next: () => Job | undefined,
    onReport: (report: Report) => boolean,
  ) => Promise<void>;
  readonly runFresh: (job: Job) => Promise<Report>;
  readonly onSeed: (seed: number) => void;
  /** A seed fails without the bug too: it convicts nobody. */
  readonly onGuiltless: (seed: number) => void;
}

/** Tries the seeds after `from.tried` up to `last`, until one fails that does not fail without the bug. */
export async function trySeeds(
  bug: PlantedBug,
  from: PlantedRecord,
  last: number,
  runner: SeedRunner,
): Promise<PlantedRecord> {
  for (let { tried } = from; tried < last; ) {
    const failure = await firstFailure(bug, tried + 1, last, runner);
    if (failure === undefined) break;
    const { seed } = failure.plan;
    const clean = await runner.runFresh({ plan: { ...failure.plan, planted: [] } });
    if (clean.violations.length === 0) {
      return { ...from, tried: seed, seed, oracle: failure.violations[0]!.oracle };
    }
    runner.onGuiltless(seed);
    tried = seed;
  }
  return { ...from, tried: last };
}

/** The least seed that fails: others may end before it does. */
async function firstFailure(
  { name, workload }: PlantedBug,
  first: number,
  last: number,
  runner: SeedRunner,
): Promise<Report | undefined> {
  let next = first;
  let found: Report | undefined;
  await runner.run(
    () => {
      if (next > last) return undefined;
      return { plan: { seed: next++, profile: 'swarm', workload, planted: [name] } };
    },
    (report) => {
      runner.onSeed(report.plan.seed);
      if (report.violations.length === 0) return true;
      if (found === undefined || report.plan.seed < found.plan.seed) found = report;
      return false;
    },
  );
  return found;
}
