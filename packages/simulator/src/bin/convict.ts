import type { Mutant } from '../mutants/mutant.js';
import type { WorkloadName } from '../run/plan.js';
import type { Job, Report } from './job.js';
import type { PlantedRecord } from './planted-record.js';
import { planOf, workloadOf } from './seeds.js';

/** The runner of seeds for the search of a mutant's conviction, and its listener. */
export interface SeedRunner {
  readonly run: (
    next: () => Job | undefined,
    onReport: (report: Report) => boolean,
  ) => Promise<void>;
  readonly runFresh: (job: Job) => Promise<Report>;
  readonly onSeed: (seed: number) => void;
  /** A seed fails without the mutant too: it convicts nobody. */
  readonly onGuiltless: (seed: number) => void;
}

/**
 * Tries the seeds after `from.tried` up to `last`, until one fails that does not fail without the mutant. With
 * `from.only` it leaves out the seeds of the suite's draw that have another workload: the whole draw convicts no later.
 */
export async function trySeeds(
  mutant: Mutant,
  from: PlantedRecord,
  last: number,
  runner: SeedRunner,
): Promise<PlantedRecord> {
  for (let { tried } = from; tried < last; ) {
    const seeds = seedsOf(tried + 1, last, from.only);
    const failure = await firstFailure(mutant, seeds, runner);
    if (failure === undefined) break;
    const { seed } = failure.plan;
    const { mutant: _, ...plan } = failure.plan;
    const clean = await runner.runFresh({ plan });
    if (clean.violations.length === 0) {
      return { ...from, tried: seed, seed, oracle: failure.violations[0]!.oracle };
    }
    runner.onGuiltless(seed);
    tried = seed;
  }
  return { ...from, tried: last };
}

function* seedsOf(
  first: number,
  last: number,
  only: WorkloadName | undefined,
): Generator<number, undefined> {
  for (let seed = first; seed <= last; seed++) {
    if (only === undefined || workloadOf(seed) === only) yield seed;
  }
}

/** The least seed that fails: others may end before it does. */
async function firstFailure(
  { name }: Mutant,
  seeds: Generator<number, undefined>,
  runner: SeedRunner,
): Promise<Report | undefined> {
  let found: Report | undefined;
  await runner.run(
    () => {
      const { value: seed } = seeds.next();
      return seed === undefined
        ? undefined
        : { plan: planOf(seed, { profile: 'swarm', mutant: name }) };
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
