import { Prng } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import { MINUTE_MS, overMinutes } from './minutes.js';
import { drawPlan } from './plan.js';

describe('partitions of minutes', () => {
  it('come in a small share of the seeds', () => {
    const isLong = (seed: number): boolean =>
      drawPlan({ seed, profile: 'swarm', workload: 'txn' }).durationMs > MINUTE_MS;
    const share = Array.from({ length: 1_000 }, (_, seed) => isLong(seed)).filter(Boolean).length;
    expect(share).toBeGreaterThan(10);
    expect(share).toBeLessThan(60);
  });

  it('stand behind the other faults, and last to about the end', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const plan = drawPlan({ seed, profile: 'dense', workload: 'raw' });
      const long = overMinutes(plan, new Prng(seed));
      const partitions = long.faults.slice(plan.faults.length);
      expect(long.faults.slice(0, plan.faults.length)).toEqual(plan.faults);
      expect(partitions.length).toBeGreaterThanOrEqual(1);
      for (const { at, lastsMs } of partitions) {
        expect(lastsMs).toBeGreaterThanOrEqual(MINUTE_MS);
        expect(at).toBeLessThan(long.durationMs);
      }
      const [last] = partitions.slice(-1);
      expect(Math.abs(last!.at + last!.lastsMs - long.durationMs)).toBeLessThanOrEqual(10_000);
    }
  });
});
