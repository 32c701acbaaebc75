import { describe, expect, it } from 'vitest';
import { Inflight } from './inflight.js';

describe('what is in flight', () => {
  it('is taken once, by an id that was never used before', () => {
    const inflight = new Inflight<string>(4);
    const ids = new Set<number>();
    for (let round = 0; round < 100; round++) {
      const three = ['a', 'b', 'c'].map((value) => inflight.add(value));
      for (const id of three) {
        expect(ids.has(id)).toBe(false);
        ids.add(id);
      }
      expect(inflight.size).toBe(3);
      expect(inflight.take(three[1]!)).toBe('b');
      expect(inflight.take(three[1]!), 'again').toBeUndefined();
      expect(inflight.take(three[2]!)).toBe('c');
      expect(inflight.take(three[0]!)).toBe('a');
      expect(inflight.size).toBe(0);
    }
    for (const id of [0, 1, 5, ...ids]) expect(inflight.take(id)).toBeUndefined();
  });

  it('gives up those that are wanted, and keeps the rest', () => {
    const inflight = new Inflight<number>(8);
    const ids = [1, 2, 3, 4].map((value) => inflight.add(value));
    expect(inflight.takeWhere((value) => value % 2 === 0)).toEqual([2, 4]);
    expect(ids.map((id) => inflight.take(id))).toEqual([1, undefined, 3, undefined]);
  });

  it('is never more than the limit', () => {
    const inflight = new Inflight<number>(2);
    inflight.add(1);
    const id = inflight.add(2);
    expect(() => inflight.add(3)).toThrow('more than 2 in flight');
    inflight.take(id);
    expect(inflight.take(inflight.add(3))).toBe(3);
  });
});
