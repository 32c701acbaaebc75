import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ddmin, type FindFailing } from './ddmin.js';

/** Fails when all of `needed` are there. */
function failsWith(needed: readonly number[]): {
  readonly find: FindFailing<readonly number[]>;
  readonly runs: () => number;
} {
  let runs = 0;
  return {
    find: async (candidates) =>
      candidates.find((candidate) => {
        runs++;
        return needed.every((item) => candidate.includes(item));
      }),
    runs: () => runs,
  };
}

const hundred = Array.from({ length: 100 }, (_, i) => i);

describe('ddmin', () => {
  it('finds nothing to be enough when nothing is needed', async () => {
    expect(await ddmin(hundred, failsWith([]).find)).toEqual([]);
    expect(await ddmin([], failsWith([]).find)).toEqual([]);
  });

  it('finds one of a hundred in a few runs', async () => {
    const { find, runs } = failsWith([63]);
    expect(await ddmin(hundred, find)).toEqual([63]);
    expect(runs()).toBeLessThan(20);
  });

  it('keeps all when all are needed', async () => {
    expect(await ddmin([1, 2, 3], failsWith([1, 2, 3]).find)).toEqual([1, 2, 3]);
  });

  it('finds exactly what is needed, in its order', async () => {
    const subset = fc.uniqueArray(fc.nat(99), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(subset, async (needed) => {
        const found = await ddmin(hundred, failsWith(needed).find);
        expect(found).toEqual([...needed].sort((a, b) => a - b));
      }),
    );
  });

  it('leaves nothing that could be left out, whatever the predicate', async () => {
    const fails = (items: readonly number[]): boolean =>
      items.length >= 3 && items.reduce((sum, item) => sum + item, 0) % 3 === 0;
    const found = await ddmin(hundred.slice(0, 99), async (all) => all.find(fails));
    expect(fails(found)).toBe(true);
    for (const item of found) expect(fails(found.filter((other) => other !== item))).toBe(false);
  });
});
