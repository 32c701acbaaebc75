import { Prng } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import { LogSizes } from './log-sizes.js';

/** What may be counted too much or too little. */
const MARK_BYTES = 65_536;

describe('the sizes of a log', () => {
  it('are right to a mark after any history', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const rng = new Prng(seed);
      const sizes = new LogSizes();
      let first = 1;
      let model: number[] = [];
      const largest = rng.int(0, 1) === 0 ? 1_000 : 300_000;
      const slack = MARK_BYTES + largest;
      for (let step = 0; step < 300; step++) {
        const kept = model.reduce((sum, bytes) => sum + bytes, 0);
        expect(Math.abs(sizes.bytes - kept)).toBeLessThanOrEqual(slack);
        const wanted = rng.int(0, kept);
        const index = sizes.indexBefore(wanted);
        const left = model.slice(Math.max(0, index - first + 1)).reduce((sum, n) => sum + n, 0);
        expect(left).toBeGreaterThanOrEqual(Math.min(kept, wanted) - slack);
        expect(left).toBeLessThanOrEqual(Math.max(wanted, 0) + 2 * slack);
        switch (rng.int(0, 19)) {
          case 0: {
            const count = rng.int(0, model.length);
            first += count;
            model = model.slice(count);
            sizes.dropThrough(first - 1);
            break;
          }
          case 1: {
            const count = rng.int(0, Math.min(3, model.length));
            const cut = model.slice(model.length - count).reduce((sum, bytes) => sum + bytes, 0);
            model = model.slice(0, model.length - count);
            sizes.cut(first + model.length, cut);
            break;
          }
          default: {
            const bytes = rng.int(1, largest);
            model.push(bytes);
            sizes.append(first + model.length - 1, bytes);
          }
        }
      }
      sizes.clear();
      expect([sizes.bytes, sizes.indexBefore(0)]).toEqual([0, 0]);
    }
  });
});
