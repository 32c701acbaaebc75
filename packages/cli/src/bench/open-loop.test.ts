import { describe, expect, it } from 'vitest';
import type { LoopClock } from './driver.js';
import { intendedCalls, intendedMs, runOpenLoop } from './open-loop.js';

/** Time that passes only while somebody sleeps. */
function sleepingClock(): LoopClock {
  let now = 5000;
  return {
    now: () => now,
    sleep: (ms) => {
      now += ms;
      return Promise.resolve();
    },
  };
}

describe('open loop', () => {
  it('spreads the operations evenly over the run', () => {
    expect([0, 1, 5].map((number) => intendedMs(number, 500))).toEqual([0, 2, 10]);
    expect(intendedCalls({ clients: 1, rate: 500, seconds: 2 })).toBe(1000);
    expect(intendedCalls({ clients: 1, rate: 3, seconds: 0.5 })).toBe(2);
  });

  it('sends each operation at its time', async () => {
    const clock = sleepingClock();
    const sentAt: number[] = [];
    const measured = await runOpenLoop(
      () => {
        sentAt.push(clock.now() - 5000);
        return Promise.resolve();
      },
      { clients: 1, rate: 100, seconds: 0.05 },
      clock,
    );
    expect(sentAt).toEqual([0, 10, 20, 30, 40]);
    expect(measured).toMatchObject({ operations: 5, errors: 0, unsent: 0 });
    expect(measured.latency.maxValue).toBe(1);
  });

  it('counts a stall in every operation that it held up', async () => {
    const clock = sleepingClock();
    let calls = 0;
    const measured = await runOpenLoop(
      async () => void (await clock.sleep(calls++ === 0 ? 100 : 0)),
      { clients: 1, rate: 1000, seconds: 0.1 },
      clock,
    );
    expect(measured).toMatchObject({ operations: 100, unsent: 0 });
    // They were due 1 ms apart and all sent when the first was answered.
    expect(measured.latency.getValueAtPercentile(50) / 1000).toBeCloseTo(50, 0);
    expect(measured.latency.maxValue / 1000).toBeCloseTo(100, 0);
  });

  it('says what it could not send', async () => {
    const clock = sleepingClock();
    const measured = await runOpenLoop(
      async () => void (await clock.sleep(10)),
      { clients: 1, rate: 1000, seconds: 0.05 },
      clock,
    );
    expect(measured).toMatchObject({ operations: 10, unsent: 40, seconds: 0.1 });
  });
});
