import { LOGICAL_COUNT, logicalOf, physicalMs, type Timestamp } from '@tinykv/base';
import { runs } from '@tinykv/base/testing/fuzz';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TsoOracle } from './tso.js';

const INTERVAL = 3_000;
const NOW = 1_700_000_000_000;

function saved(savedBound: number, now: number): TsoOracle {
  const oracle = new TsoOracle(savedBound, now, INTERVAL);
  oracle.onSaved(oracle.wantedBound(now)!);
  return oracle;
}

describe('TsoOracle', () => {
  it('serves nothing before its first bound is saved', () => {
    const oracle = new TsoOracle(0, NOW, INTERVAL);
    expect(oracle.allocate(1)).toBe('not-saved');
    expect(oracle.wantedBound(NOW)).toBe(NOW + INTERVAL);
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
    oracle.tick(NOW + 1);
    expect(oracle.physicalMs).toBe(NOW);
    oracle.tick(NOW + 2);
    expect(oracle.physicalMs).toBe(NOW + 2);
  });

  it('ignores a clock that goes back, and moves on by itself when half is used', () => {
    const oracle = saved(0, NOW);
    oracle.allocate(LOGICAL_COUNT / 2);
    oracle.tick(NOW - 600_000);
    expect(oracle.physicalMs).toBe(NOW);
    oracle.allocate(1);
    oracle.tick(NOW - 600_000);
    expect(oracle.physicalMs).toBe(NOW + 1);
  });

  it('waits for the save when the clock leaps past the bound', () => {
    const oracle = saved(0, NOW);
    const tomorrow = NOW + 86_400_000;
    oracle.tick(tomorrow);
    expect(oracle.physicalMs).toBe(NOW);
    expect(oracle.wantedBound(tomorrow)).toBe(tomorrow + INTERVAL);
    oracle.onSaved(tomorrow + INTERVAL);
    oracle.tick(tomorrow);
    expect(oracle.physicalMs).toBe(tomorrow);
  });

  it('gives a whole millisecond to one request, then waits for a tick', () => {
    const oracle = saved(0, NOW);
    expect(logicalOf(oracle.allocate(LOGICAL_COUNT) as Timestamp)).toBe(LOGICAL_COUNT - 1);
    expect(oracle.allocate(1)).toBe('exhausted');
    oracle.tick(NOW);
    expect(physicalMs(oracle.allocate(1) as Timestamp)).toBe(NOW + 1);
  });

  it('moves on even when a large request leaves little unused', () => {
    const oracle = saved(0, NOW);
    oracle.allocate(10);
    expect(oracle.allocate(LOGICAL_COUNT)).toBe('exhausted');
    oracle.tick(NOW);
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
        .map((ms) => ({ type: 'pass', ms }) as const),
    },
    { weight: 2, arbitrary: fc.constant({ type: 'save' } as const) },
    { weight: 1, arbitrary: fc.constant({ type: 'restart' } as const) },
  );

  it('never repeats or goes back, and stays below the saved bound (property)', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 80 }), (events) => {
        let wall = NOW;
        let bound = 0;
        let last = 0n;
        let oracle = new TsoOracle(bound, wall, INTERVAL);
        for (const each of events) {
          if (each.type === 'pass') wall += each.ms;
          else if (each.type === 'tick') oracle.tick(wall);
          else if (each.type === 'restart') oracle = new TsoOracle(bound, wall, INTERVAL);
          else if (each.type === 'save') {
            bound = Math.max(bound, oracle.wantedBound(wall) ?? 0);
            oracle.onSaved(bound);
          } else {
            const ts = oracle.allocate(each.n);
            if (typeof ts === 'string') continue;
            expect(ts - BigInt(each.n - 1)).toBeGreaterThan(last);
            expect(physicalMs(ts)).toBeLessThan(bound);
            last = ts;
          }
        }
      }),
      runs(500),
    );
  });
});
