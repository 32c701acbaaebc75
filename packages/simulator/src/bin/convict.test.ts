import { describe, expect, it } from 'vitest';
import { sampleReport, staleRead } from '../testing/reports.js';
import { type SeedRunner, trySeeds } from './convict.js';
import { type Job, type Report, wholePlan } from './job.js';

const mutant = { name: 'x', edits: [], breaks: 'one leader a term', workload: 'raw' } as const;
const start = { commit: 'a', mutant: 'x', tried: 0 };

/** Two lanes whose reports come in pairs, the later seed first. */
function runnerOf(failsWith: readonly number[], failsWithout: readonly number[]) {
  const guiltless: number[] = [];
  const report = (job: Job): Report => {
    const plan = wholePlan(job.plan);
    const fails = plan.mutant !== undefined ? failsWith : failsWithout;
    return sampleReport({ plan, violations: fails.includes(plan.seed) ? [staleRead] : [] });
  };
  const runner: SeedRunner = {
    run: async (next, onReport) => {
      for (let goesOn = true; goesOn; ) {
        const jobs = [next(), next()].filter((job) => job !== undefined);
        if (jobs.length === 0) return;
        for (const job of jobs.reverse()) goesOn = onReport(report(job)) && goesOn;
      }
    },
    runFresh: async (job) => report(job),
    onSeed: () => {},
    onGuiltless: (seed) => guiltless.push(seed),
  };
  return { runner, guiltless };
}

describe('trySeeds', () => {
  it('convicts by the least seed that fails, whichever ends first', async () => {
    const { runner } = runnerOf([7, 8], []);
    const record = await trySeeds(mutant, start, 50, runner);
    expect(record).toEqual({ ...start, tried: 7, seed: 7, oracle: 'linearizability' });
  });

  it('convicts by no seed that fails without the mutant too', async () => {
    const { runner, guiltless } = runnerOf([3, 4, 9], [3, 4]);
    expect(await trySeeds(mutant, start, 50, runner)).toMatchObject({ tried: 9, seed: 9 });
    expect(guiltless).toEqual([3, 4]);
  });

  it('draws the workloads of its seeds as the suite does', async () => {
    const workloads = new Set<string>();
    const { runner } = runnerOf([], []);
    const run: SeedRunner['run'] = (next, onReport) =>
      runner.run(() => {
        const job = next();
        if (job !== undefined) workloads.add(job.plan.workload);
        return job;
      }, onReport);
    await trySeeds(mutant, start, 20, { ...runner, run });
    expect(workloads.size).toBeGreaterThan(3);
  });

  it('tries the seeds of one workload alone when it is told one', async () => {
    const { runner } = runnerOf([3, 4, 7, 12], []);
    const from = { ...start, only: 'redis' } as const;
    const record = await trySeeds(mutant, from, 50, runner);
    expect(record).toEqual({ ...from, tried: 7, seed: 7, oracle: 'linearizability' });
    const { runner: other } = runnerOf([3, 4], []);
    expect(await trySeeds(mutant, from, 20, other)).toEqual({ ...from, tried: 20 });
  });

  it('goes on where it ended, and gives up at the last seed', async () => {
    const { runner } = runnerOf([3], []);
    const from = { ...start, tried: 3 };
    expect(await trySeeds(mutant, from, 50, runner)).toEqual({ ...start, tried: 50 });
    expect(await trySeeds(mutant, start, 2, runner)).toEqual({ ...start, tried: 2 });
  });

  it('gives up, too, when the last seed fails without the mutant', async () => {
    const { runner } = runnerOf([4], [4]);
    expect(await trySeeds(mutant, start, 4, runner)).toEqual({ ...start, tried: 4 });
  });
});
