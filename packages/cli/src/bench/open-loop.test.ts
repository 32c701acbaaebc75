import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { intendedMs, intendedOperations, runOpenLoop } from './open-loop.js';

describe('open loop', () => {
  it('spreads the operations evenly over the run', () => {
    expect([0, 1, 5].map((number) => intendedMs(number, 500))).toEqual([0, 2, 10]);
    expect(intendedOperations({ clients: 1, rate: 500, seconds: 2 })).toBe(1000);
    expect(intendedOperations({ clients: 1, rate: 3, seconds: 0.5 })).toBe(2);
  });

  it('counts a stall in every operation that it held up', async () => {
    let calls = 0;
    const stallMs = 100;
    const measured = await runOpenLoop(() => (calls++ === 0 ? sleep(stallMs) : Promise.resolve()), {
      clients: 1,
      rate: 1000,
      seconds: 0.1,
    });
    expect(measured.operations).toBe(100);
    expect(measured.unsent).toBe(0);
    // The operations were due 1 ms apart while the only client was held up.
    expect(measured.latency.getValueAtPercentile(50)).toBeGreaterThan((stallMs / 3) * 1000);
    expect(measured.latency.maxValue).toBeGreaterThan(stallMs * 900);
  });

  it('says what it could not send', async () => {
    const measured = await runOpenLoop(() => sleep(50), { clients: 1, rate: 1000, seconds: 0.05 });
    expect(measured.operations).toBeGreaterThan(0);
    expect(measured.operations + measured.unsent).toBe(50);
  });
});
