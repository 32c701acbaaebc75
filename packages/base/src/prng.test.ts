import { describe, expect, it } from 'vitest';
import { Prng } from './prng.js';

const draw = (rng: Prng, count: number): number[] => Array.from({ length: count }, () => rng.u32());

describe('Prng', () => {
  it('draws the same from the same seed and else something different', () => {
    expect(draw(new Prng('a'), 5)).toEqual(draw(new Prng('a'), 5));
    expect(draw(new Prng('a'), 5)).not.toEqual(draw(new Prng('b'), 5));
    expect(draw(new Prng(7), 3)).toEqual(draw(new Prng('7'), 3));
  });

  it('never changes what a seed means: recorded seeds must replay', () => {
    expect(draw(new Prng('tinykv'), 4)).toMatchInlineSnapshot(`
      [
        4269069141,
        1516364746,
        3573393451,
        299027836,
      ]
    `);
    expect(new Prng('tinykv').fork('net').u32()).toMatchInlineSnapshot(`4017974309`);
  });

  it('forks streams that its own draws do not shift', () => {
    const one = new Prng('s');
    const before = draw(one.fork('x'), 3);
    draw(one, 10);
    expect(draw(one.fork('x'), 3)).toEqual(before);
    expect(draw(one.fork('y'), 3)).not.toEqual(before);
  });

  it('stays within its bounds and fills them', () => {
    const rng = new Prng('bounds');
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < 10_000; i++) {
      const n = rng.int(3, 13);
      counts[n - 3]! += 1;
      const f = rng.float();
      expect(f >= 0 && f < 1).toBe(true);
    }
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150);
    expect(rng.bytes(9)).toHaveLength(9);
  });
});
