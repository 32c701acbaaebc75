import { LOGICAL_COUNT, logicalOf, physicalMs, type Timestamp } from '@tinykv/base';
import { runs } from '@tinykv/base/testing/fuzz';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TsoOracle, type TsoTime } from './tso.js';

const INTERVAL = 3_000;
const NOW = 1_700_000_000_000;

/** The wall clock shows `wallMs`; monotonic time has come as far as it would have without jumps. */
function at(wallMs: number, monoMs = wallMs - NOW): TsoTime {
  return { wallMs, monoMs };
}

function saved(savedBound: number, now: number, monoMs = 0): TsoOracle {
  const oracle = new TsoOracle(savedBound, at(now, monoMs), INTERVAL);
  oracle.onSaved(oracle.wantedBound(at(now, monoMs))!);
  return oracle;
}

/** Ticks every 50 ms for so long, by a wall clock that is `behindMs` behind; every bound is saved at once. */
function run(oracle: TsoOracle, fromMonoMs: number, ms: number, behindMs: number): void {
  for (let monoMs = fromMonoMs + 50; monoMs <= fromMonoMs + ms; monoMs += 50) {
    const time = at(NOW + monoMs - behindMs, monoMs);
    oracle.tick(time);
    const bound = oracle.wantedBound(time);
    if (bound !== undefined) oracle.onSaved(bound);
  }
}

describe('TsoOracle', () => {
  it('serves nothing before its first bound is saved', () => {
    const oracle = new TsoOracle(0, at(NOW), INTERVAL);
    expect(oracle.allocate(1)).toBe('not-saved');
    expect(oracle.wantedBound(at(NOW))).toBe(NOW + INTERVAL);
    oracle.onSaved(NOW + INTERVAL);
    expect(typeof oracle.allocate(1)).toBe('bigint');
  });

  it('answers with the last of the count', () => {
    const oracle = saved(0, NOW);
    const first = oracle.allocate(10) as Timestamp;
    const second = oracle.allocate(1) as Timestamp;
    expect(second - first).toBe(1n);
    expect([physicalMs(first), logicalOf(first)]).toEqual([NOW, 9]);
  });

  it('begins above what its predecessor saved, whatever the clock says', () => {
    expect(saved(NOW + 50_000, NOW).physicalMs).toBe(NOW + 50_001);
    expect(saved(NOW - 50_000, NOW).physicalMs).toBe(NOW);
  });

  it('follows a clock that is ahead by more than a millisecond', () => {
    const oracle = saved(0, NOW);
    oracle.tick(at(NOW + 1));
    expect(oracle.physicalMs).toBe(NOW);
    oracle.tick(at(NOW + 2));
    expect(oracle.physicalMs).toBe(NOW + 2);
  });

  it('ignores a clock that goes back, and moves on by itself when half is used', () => {
    const oracle = saved(0, NOW);
    oracle.allocate(LOGICAL_COUNT / 2);
    oracle.tick(at(NOW - 600_000, 0));
    expect(oracle.physicalMs).toBe(NOW);
    oracle.allocate(1);
    oracle.tick(at(NOW - 600_000, 0));
    expect(oracle.physicalMs).toBe(NOW + 1);
  });

  it('goes on by elapsed time while the wall clock is behind', () => {
    const oracle = saved(0, NOW);
    run(oracle, 0, 60_000, 3_600_000);
    expect(oracle.physicalMs - NOW).toBeGreaterThan(60_000 * 0.98);
    expect(oracle.physicalMs - NOW).toBeLessThanOrEqual(60_000);
    expect(oracle.aheadMs(at(NOW - 3_540_000))).toBe(oracle.physicalMs - NOW + 3_540_000);
  });

  it('begins above a bound of a clock that was an hour ahead, and goes on from there', () => {
    const bound = NOW + 3_600_000;
    const oracle = saved(bound, NOW);
    run(oracle, 0, 1_000, 0);
    expect(oracle.physicalMs - bound).toBeGreaterThan(980);
  });

  it('comes back to the wall clock, slowly, so that restarts do not add up', () => {
    const oracle = saved(NOW + INTERVAL, NOW);
    run(oracle, 0, 300_000, 0);
    expect(oracle.aheadMs(at(NOW + 300_000))).toBe(0);
  });

  it('makes up for the time that a slow save took, though it never passes the bound', () => {
    const oracle = saved(0, NOW);
    for (let monoMs = 50; monoMs <= 10_000; monoMs += 50) {
      oracle.tick(at(NOW - 3_600_000 + monoMs, monoMs));
      expect(oracle.physicalMs).toBeLessThan(NOW + INTERVAL);
    }
    const late = at(NOW - 3_590_000, 10_000);
    oracle.onSaved(oracle.wantedBound(late)!);
    oracle.tick(late);
    expect(oracle.physicalMs - NOW).toBeGreaterThan(9_800);
  });

  it('does not follow a leap of the wall clock that is over before its bound is saved', () => {
    const oracle = saved(0, NOW);
    oracle.tick(at(NOW + 3_600_050, 50));
    oracle.tick(at(NOW + 100, 100));
    expect(oracle.physicalMs).toBe(NOW + 100);
  });

  it('waits for the save when the clock leaps past the bound', () => {
    const oracle = saved(0, NOW);
    const tomorrow = NOW + 86_400_000;
    oracle.tick(at(tomorrow));
    expect(oracle.physicalMs).toBe(NOW);
    expect(oracle.wantedBound(at(tomorrow))).toBe(tomorrow + INTERVAL);
    oracle.onSaved(tomorrow + INTERVAL);
    oracle.tick(at(tomorrow));
    expect(oracle.physicalMs).toBe(tomorrow);
  });

  it('gives a whole millisecond to one request, then waits for a tick', () => {
    const oracle = saved(0, NOW);
    expect(logicalOf(oracle.allocate(LOGICAL_COUNT) as Timestamp)).toBe(LOGICAL_COUNT - 1);
    expect(oracle.allocate(1)).toBe('exhausted');
    oracle.tick(at(NOW));
    expect(physicalMs(oracle.allocate(1) as Timestamp)).toBe(NOW + 1);
  });

  it('moves on even when a large request leaves little unused', () => {
    const oracle = saved(0, NOW);
    oracle.allocate(10);
    expect(oracle.allocate(LOGICAL_COUNT)).toBe('exhausted');
    oracle.tick(at(NOW));
    expect(typeof oracle.allocate(LOGICAL_COUNT)).toBe('bigint');
  });

  const event = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.integer({ min: 1, max: 5 }).map((n) => ({ type: 'take', n }) as const),
    },
    {
      weight: 2,
      arbitrary: fc
        .integer({ min: 1, max: LOGICAL_COUNT })
        .map((n) => ({ type: 'take', n }) as const),
    },
    { weight: 4, arbitrary: fc.constant({ type: 'tick' } as const) },
    {
      weight: 3,
      arbitrary: fc.integer({ min: 0, max: 5_000 }).map((ms) => ({ type: 'pass', ms }) as const),
    },
    {
      weight: 1,
      arbitrary: fc
        .integer({ min: -86_400_000, max: 86_400_000 })
        .map((ms) => ({ type: 'jump', ms }) as const),
    },
    { weight: 2, arbitrary: fc.constant({ type: 'save' } as const) },
    { weight: 1, arbitrary: fc.constant({ type: 'restart' } as const) },
  );

  it('never repeats or goes back, stays below the saved bound, and never stands still (property)', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 80 }), (events) => {
        let wall = NOW;
        let mono = 0;
        let bound = 0;
        let last = 0n;
        const time = (): TsoTime => ({ wallMs: wall, monoMs: mono });
        let oracle = new TsoOracle(bound, time(), INTERVAL);
        const save = (): void => {
          bound = Math.max(bound, oracle.wantedBound(time()) ?? 0);
          oracle.onSaved(bound);
        };
        for (const each of events) {
          if (each.type === 'pass') {
            wall += each.ms;
            mono += each.ms;
          } else if (each.type === 'jump') wall += each.ms;
          else if (each.type === 'tick') oracle.tick(time());
          else if (each.type === 'restart') oracle = new TsoOracle(bound, time(), INTERVAL);
          else if (each.type === 'save') save();
          else {
            const ts = oracle.allocate(each.n);
            if (typeof ts === 'string') continue;
            expect(ts - BigInt(each.n - 1)).toBeGreaterThan(last);
            expect(physicalMs(ts)).toBeLessThan(bound);
            last = ts;
          }
        }
        // Whatever the clocks did: from here on time passes.
        save();
        oracle.tick(time());
        save();
        const before = oracle.physicalMs;
        for (let i = 0; i < 20; i++) {
          wall += 50;
          mono += 50;
          oracle.tick(time());
          save();
        }
        expect(oracle.physicalMs - before).toBeGreaterThanOrEqual(980);
      }),
      runs(500),
    );
  });
});
