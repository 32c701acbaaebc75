import { failPoints } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import { PASSED } from '../run/tally.js';
import { sampleReport, staleRead } from '../testing/reports.js';
import { demandsOf } from './demands.js';
import { DETERMINISM } from './job.js';
import { Totals } from './totals.js';

const happenings = [
  'leader change',
  'split',
  'snapshot applied',
  'conf change',
  'crash that loses un-fsynced bytes',
  'crash that keeps some unsynced engine batches and loses others',
  'partition',
  'freeze longer than the lease',
  'result unknown',
  'scheduler restart',
  'versions collected',
  'transaction below the safe point',
];
const enough = sampleReport({
  busyMs: 7_200_000,
  checked: 100_000,
  ranTwice: true,
  faults: [
    ['a', 1],
    ['b', 1],
    ['c', 1],
  ],
  happened: [
    ...happenings.map((name) => [name, 50] as const),
    ...failPoints.slice(0, 60).map((name) => [`${PASSED}${name}`, 1] as const),
  ],
});

function unmet(report: typeof enough): string[] {
  const totals = new Totals();
  totals.add(report);
  return demandsOf(totals)
    .filter(({ met }) => !met)
    .map(({ text }) => text);
}

describe('demandsOf', () => {
  it('is content when all of it happened often enough', () => {
    expect(unmet(enough)).toEqual([]);
  });

  it('is not when nothing ran', () => {
    expect(demandsOf(new Totals()).every(({ met }) => !met)).toBe(true);
  });

  it('misses each thing that did not happen often enough', () => {
    expect(unmet({ ...enough, busyMs: 7_199_000 })).toHaveLength(1);
    expect(unmet({ ...enough, checked: 99_999 })).toHaveLength(1);
    expect(unmet({ ...enough, faults: [['a', 100]] })).toHaveLength(1);
    expect(unmet({ ...enough, ranTwice: false })).toHaveLength(1);
    for (const [i, name] of happenings.entries()) {
      const happened = enough.happened.with(i, [name, 49]);
      expect(unmet({ ...enough, happened })).toEqual([`${name} 49 times, at least 50`]);
    }
  });

  it('misses fail points that nobody came to', () => {
    const happened = enough.happened.slice(0, -1);
    expect(unmet({ ...enough, happened })).toEqual(['59 fail points passed, at least 60']);
  });

  it('allows no history that was too hard to judge', () => {
    const tooHard = (count: number): typeof enough => ({
      ...enough,
      happened: [...enough.happened, ['history too hard to judge', count] as const],
    });
    expect(unmet(tooHard(0))).toEqual([]);
    expect(unmet(tooHard(1))).toEqual(['1 histories too hard to judge, at most 0']);
  });

  it('is not when two runs of one plan differ', () => {
    const violations = [{ ...staleRead, oracle: DETERMINISM }];
    expect(unmet({ ...enough, violations })).toEqual(['1 seeds run twice, 1 of them not alike']);
  });
});
