import { compareBytes } from '@tinykv/base';
import { runs } from '@tinykv/base/testing/fuzz';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  beforeEnd,
  compareEnds,
  describeRange,
  type KeyRange,
  rangeContains,
  rangeCovers,
  rangesOverlap,
} from './key-range.js';
import { RegionMap } from './region-map.js';

interface Entry {
  readonly id: number;
  readonly range: KeyRange;
}

// Keys are single bytes 1..20; 0 stands for the empty key. A range is a set of the numbers 0..20.
const point = fc.integer({ min: 0, max: 20 });
const bytesOf = (n: number): Uint8Array => (n === 0 ? new Uint8Array(0) : Uint8Array.of(n));
const range = fc
  .tuple(point, point)
  .map(([a, b]) => (a < b ? [a, b] : [b, a === b ? 0 : a]))
  .map(([a, b]): KeyRange => ({ start: bytesOf(a!), end: bytesOf(b!) }));
const has = (r: KeyRange, n: number): boolean => {
  const [start, end] = [r.start[0] ?? 0, r.end[0] ?? 99];
  return n >= start && n < end;
};
const members = (r: KeyRange): number[] =>
  Array.from({ length: 21 }, (_, n) => n).filter((n) => has(r, n));
const ids = (entries: readonly Entry[]): number[] => entries.map((entry) => entry.id);
const byStart = (a: Entry, b: Entry): number => compareBytes(a.range.start, b.range.start);

type Step =
  | { readonly type: 'set' | 'replace'; readonly entry: Entry }
  | { readonly type: 'delete'; readonly id: number }
  | { readonly type: 'clear' };
const entry = fc.record({ id: fc.integer({ min: 1, max: 6 }), range });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant('set' as const), entry }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('replace' as const), entry }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('delete' as const), id: fc.nat(6) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('clear' as const) }) },
);

function checkReads(map: RegionMap<Entry>, model: Entry[]): void {
  expect(ids(map.values())).toEqual(ids(model.sort(byStart)));
  expect(map.size).toBe(model.length);
  for (let n = 0; n <= 20; n++) {
    const key = bytesOf(n);
    const found = model.find((e) => has(e.range, n));
    expect(map.find(key)).toBe(found);
    expect(map.findFrom(key)).toBe(found ?? model.find((e) => (e.range.start[0] ?? 0) > n));
    const previous = n === 0 ? undefined : model.find((e) => e.range.end[0] === n);
    expect(map.findPrevious(key)).toBe(previous);
  }
}

describe('RegionMap', () => {
  it('does what a list of all ranges does', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), range, fc.nat(4), (steps, asked, limit) => {
        const map = new RegionMap<Entry>();
        let model: Entry[] = [];
        for (const s of steps) {
          if (s.type === 'delete') {
            expect(map.delete(s.id)).toBe(model.find((e) => e.id === s.id));
            model = model.filter((e) => e.id !== s.id);
          } else if (s.type === 'clear') {
            map.clear();
            model = [];
          } else {
            const hit = model.filter((e) => members(e.range).some((n) => has(s.entry.range, n)));
            const gone = model.filter((e) => hit.includes(e) || e.id === s.entry.id);
            if (s.type === 'replace') {
              expect(new Set(map.replaceOverlapping(s.entry))).toEqual(new Set(gone));
              model = [...model.filter((e) => !gone.includes(e)), s.entry];
            } else if (gone.every((e) => e.id === s.entry.id)) {
              map.set(s.entry);
              model = [...model.filter((e) => e.id !== s.entry.id), s.entry];
            }
          }
          expect(map.get(1)).toBe(model.find((e) => e.id === 1));
        }
        checkReads(map, model);
        const overlapping = model.filter((e) => members(e.range).some((n) => has(asked, n)));
        expect(ids(map.overlapping(asked))).toEqual(ids(overlapping));
        const first = asked.start[0] ?? 0;
        const expected = model
          .filter((e) => has(e.range, first) || (e.range.start[0] ?? 0) > first)
          .filter((e) => (e.range.start[0] ?? 0) < (asked.end[0] ?? 99));
        const cut = limit === 0 ? expected : expected.slice(0, limit);
        expect(ids(map.scan(asked.start, asked.end, limit))).toEqual(ids(cut));
      }),
      runs(200),
    );
  });

  it('refuses a range that overlaps another', () => {
    const map = new RegionMap<Entry>();
    map.set({ id: 1, range: { start: bytesOf(1), end: bytesOf(5) } });
    const clash = { id: 2, range: { start: bytesOf(4), end: bytesOf(6) } };
    expect(() => map.set(clash)).toThrow('region 2 overlaps region 1');
  });
});

describe('key ranges', () => {
  it('behave as sets of keys', () => {
    fc.assert(
      fc.property(range, range, point, (a, b, n) => {
        const inB = new Set(members(b));
        expect(rangesOverlap(a, b)).toBe(members(a).some((m) => inB.has(m)));
        expect(rangeContains(a, bytesOf(n))).toBe(has(a, n));
        // Beyond the numbers there are more keys, which only a range without end has.
        const endless = a.end.length > 0 || b.end.length === 0;
        expect(rangeCovers(b, a)).toBe(
          members(a).every((m) => inB.has(m)) && (endless || a.end.length > 0),
        );
      }),
      runs(500),
    );
  });

  it('end after everything when their end is empty', () => {
    const none = bytesOf(0);
    expect(compareEnds(none, none)).toBe(0);
    expect(compareEnds(none, bytesOf(9))).toBe(1);
    expect(compareEnds(bytesOf(9), none)).toBe(-1);
    expect(compareEnds(bytesOf(9), bytesOf(3))).toBeGreaterThan(0);
    expect(beforeEnd(bytesOf(9), none)).toBe(true);
  });

  it('print', () => {
    expect(describeRange({ start: bytesOf(0), end: Uint8Array.of(0x61, 0) })).toBe('[, a\\x00)');
    expect(describeRange({ start: Uint8Array.of(0x61), end: bytesOf(0) })).toBe('[a, ∞)');
  });
});
