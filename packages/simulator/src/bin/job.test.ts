import { describe, expect, it } from 'vitest';
import { sampleReport, staleRead } from '../testing/reports.js';
import { compareRuns, lostReport, wholePlan } from './job.js';

describe('compareRuns', () => {
  it('takes the first of two equal runs and the time of both', () => {
    const both = compareRuns(sampleReport({ violations: [staleRead] }), sampleReport());
    expect(both).toEqual(sampleReport({ violations: [staleRead], ranTwice: true, cpuMs: 3_000 }));
  });

  it('adds a violation of its own when hashes or numbers of events differ', () => {
    for (const other of [{ hash: '00000001' }, { events: 999 }]) {
      const { violations } = compareRuns(
        sampleReport({ violations: [staleRead] }),
        sampleReport(other),
      );
      expect(violations.map(({ oracle }) => oracle)).toEqual(['linearizability', 'determinism']);
    }
  });
});

describe('lostReport', () => {
  it('has the plan that the worker was at, drawn or given', () => {
    const options = { seed: 3, profile: 'light', workload: 'raw' } as const;
    const { plan, violations } = lostReport({ plan: options }, 'worker', 'it died');
    expect(plan).toEqual(wholePlan(options));
    expect(lostReport({ plan }, 'worker', 'it died').plan).toBe(plan);
    expect(violations).toEqual([{ oracle: 'worker', message: 'it died', history: [] }]);
  });
});
