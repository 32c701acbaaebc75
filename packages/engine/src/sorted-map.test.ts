import { EMPTY_BYTES, Prng } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import { SortedMap, type SortedView } from './sorted-map.js';

function key(n: number): Uint8Array {
  return Uint8Array.of(n >>> 24, n >>> 16, n >>> 8, n);
}

const ALL = { start: EMPTY_BYTES, end: EMPTY_BYTES };

function valuesOf(view: SortedView<number>, range: Parameters<typeof view.entries>[0]): number[] {
  return [...view.entries(range)].map(([, value]) => value);
}

describe('sorted map', () => {
  it('copies a few hundred slots for a change after a freeze, however many keys it has', () => {
    const map = new SortedMap<number>();
    const keys = 400_000;
    for (let i = 0; i < keys; i++) map.append(key(i), i);
    expect(map.copied).toBe(0);
    for (let i = 0; i < 100; i++) {
      const before = map.copied;
      map.freeze();
      map.set(key((i * 7_919) % keys), -1);
      // A root of all chunks would be 4,167 slots.
      expect(map.copied - before).toBeLessThanOrEqual(3 * 128);
      map.set(key((i * 7_919) % keys), -2);
      expect(map.copied - before, 'once').toBeLessThanOrEqual(3 * 128);
    }
  });

  it('agrees with a plain map while it grows over many branches and shrinks to nothing', () => {
    const rng = new Prng(5);
    const map = new SortedMap<number>();
    const model = new Map<number, number>();
    let wrong = 0;
    const check = (): void => {
      const sorted = [...model].sort(([a], [b]) => a - b);
      const view = map.freeze();
      expect(map.size).toBe(model.size);
      expect(valuesOf(view, ALL)).toEqual(sorted.map(([, value]) => value));
      expect(valuesOf(view, { ...ALL, reverse: true })).toEqual(
        sorted.map(([, value]) => value).reverse(),
      );
      const [start, end] = [rng.int(0, 40_000), rng.int(0, 40_000)].sort((a, b) => a - b);
      const within = sorted.filter(([k]) => k >= start! && k < end!).map(([, value]) => value);
      const range = { start: key(start!), end: key(end!) };
      if (start !== end) {
        expect(valuesOf(view, range)).toEqual(within);
        expect(valuesOf(view, { ...range, reverse: true })).toEqual(within.reverse());
      }
    };
    for (let i = 0; i < 60_000; i++) {
      const k = rng.int(0, 40_000);
      if (map.set(key(k), i) !== model.get(k)) wrong++;
      model.set(k, i);
      if (i % 12_000 === 0) check();
    }
    const frozen = map.freeze();
    const before = valuesOf(frozen, ALL);
    for (const k of [...model.keys()]) {
      if (map.delete(key(k)) !== model.get(k)) wrong++;
      model.delete(k);
      if (model.size % 9_000 === 0) check();
    }
    expect(wrong).toBe(0);
    expect(map.delete(key(1))).toBeUndefined();
    expect(map.get(key(1))).toBeUndefined();
    expect(valuesOf(frozen, ALL)).toEqual(before);
    map.set(key(1), 1);
    expect(map.get(key(1))).toBe(1);
  });

  it('made by appending takes changes as any other', () => {
    const map = new SortedMap<number>();
    let wrong = 0;
    for (let i = 0; i < 20_000; i++) map.append(key(2 * i), i);
    for (let i = 0; i < 20_000; i += 7) map.set(key(2 * i + 1), -i);
    for (let i = 0; i < 20_000; i += 3) if (map.delete(key(2 * i)) !== i) wrong++;
    for (let i = 0; i < 20_000; i++) {
      if (map.get(key(2 * i)) !== (i % 3 === 0 ? undefined : i)) wrong++;
      if (map.get(key(2 * i + 1)) !== (i % 7 === 0 ? -i : undefined)) wrong++;
    }
    expect(wrong).toBe(0);
    map.freeze();
    expect(() => map.append(key(99_999), 1)).toThrow('frozen');
  });
});
