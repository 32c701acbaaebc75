import { join, relative } from 'node:path';
import type { Plan } from '../run/plan.js';
import type { FindFailing } from '../shrink/ddmin.js';
import { shrinkPlan } from '../shrink/shrink-plan.js';
import type { SimOptions } from './arguments.js';
import { resultsFolder } from './commit.js';
import { DETERMINISM, type Job, type Report } from './job.js';
import { writePlan } from './plan-file.js';
import { Pool, runFresh } from './pool.js';
import type { Progress } from './progress.js';
import { describePlan, failureText, faultLines } from './text.js';

/** Makes the plan of a failure small, prints what is left of it and writes it to a file. */
export async function shrinkFailure(
  { plan, violations }: Report,
  options: SimOptions,
  progress: Progress,
  commit: string,
): Promise<void> {
  const { oracle } = violations[0]!;
  progress.note(`shrinking until nothing can go without losing '${oracle}'`);
  const pool = new Pool(options.jobs, { confirms: false });
  const search = new Search(pool, oracle, options.shrinkRuns, progress);
  let small: Plan;
  try {
    small = await shrinkPlan(plan, search.findFailing, (step) => {
      progress.note(`run ${search.runs}: ${describePlan(step)}`);
    });
  } finally {
    pool.stop();
  }
  const { seed, profile, workload } = plan;
  const file = options.out ?? join(resultsFolder, `seed-${seed}-${profile}-${workload}.json`);
  writePlan(file, small);
  const report = await runFresh({ plan: small, log: options.log ?? false });
  for (const line of [...report.lines, ...faultLines(small)]) progress.note(line);
  progress.note(
    failureText(report, commit, `pnpm sim --plan ${relative(process.cwd(), file) || file}`),
  );
  if (search.runs >= options.shrinkRuns) progress.note('it stopped at --shrink-runs');
}

/** Tries plans, several at a time, until its runs are used up. */
class Search {
  readonly #pool: Pool;
  readonly #oracle: string;
  readonly #runsMax: number;
  readonly #progress: Progress;
  runs = 0;

  constructor(pool: Pool, oracle: string, runsMax: number, progress: Progress) {
    this.#pool = pool;
    this.#oracle = oracle;
    this.#runsMax = runsMax;
    this.#progress = progress;
  }

  /** Later candidates are begun before earlier ones have ended, but the first that fails is the answer. */
  readonly findFailing: FindFailing<Plan> = async (candidates) => {
    let next = 0;
    let found = candidates.length;
    const places = new Map<Job, number>();
    await this.#pool.run(
      () => {
        const plan = candidates[next];
        if (plan === undefined || this.runs >= this.#runsMax) return undefined;
        this.runs++;
        const job = { plan, twice: this.#oracle === DETERMINISM };
        places.set(job, next++);
        return job;
      },
      ({ violations }, job) => {
        this.#progress.show(() => `${this.runs} runs of at most ${this.#runsMax}`);
        const fails = violations.some(({ oracle }) => oracle === this.#oracle);
        if (fails) found = Math.min(found, places.get(job) ?? found);
        return !fails;
      },
    );
    return candidates[found];
  };
}
