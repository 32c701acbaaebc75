import { compareBytes, fromKeyString, keyString } from '@tinykv/base';
import { runs } from '@tinykv/base/testing/fuzz';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { RawAnswer } from '../src/index.js';
import { fakeStore, OLD, served } from './fake-store.js';

// Few letters, so that keys meet and are prefixes of each other; some cross the groups of the encoding.
const key = fc
  .oneof(
    fc.array(fc.constantFrom(0, 0x61, 0xff), { maxLength: 3 }),
    fc.array(fc.constantFrom(0, 0xff), { minLength: 7, maxLength: 9 }),
  )
  .map((bytes) => Uint8Array.from(bytes));
const cf = fc.constantFrom('', 'default', 'lock', 'write');
const is = <T extends string>(type: T): fc.Arbitrary<T> => fc.constant(type);

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ type: is('put'), cf, key, value: fc.uint8Array({ maxLength: 5 }) }),
  },
  { weight: 1, arbitrary: fc.record({ type: is('delete'), cf, key }) },
  { weight: 2, arbitrary: fc.record({ type: is('get'), cf, key }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: is('scan'),
      cf,
      startKey: key,
      endKey: key,
      limit: fc.nat(5),
      reverse: fc.boolean(),
      keyOnly: fc.boolean(),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** One map for each column family, searched from end to end. */
class NaiveRaw {
  readonly #maps = new Map<string, Map<string, string>>();

  of(name: string): Map<string, string> {
    const known = this.#maps.get(name || 'default') ?? new Map<string, string>();
    this.#maps.set(name || 'default', known);
    return known;
  }

  /** Keys of [start, end); going back, from `startKey` down to `endKey` is the same range. */
  scan({
    cf: name,
    startKey,
    endKey,
    limit,
    reverse,
    keyOnly,
  }: Step & { type: 'scan' }): string[][] {
    const found = [...this.of(name)].filter(([k]) => {
      const at = fromKeyString(k);
      return (
        compareBytes(at, startKey) >= 0 && (endKey.length === 0 || compareBytes(at, endKey) < 0)
      );
    });
    found.sort(([a], [b]) => compareBytes(fromKeyString(a), fromKeyString(b)));
    if (reverse) found.reverse();
    return found.slice(0, limit).map(([k, v]) => [k, keyOnly ? '' : v]);
  }
}

function answered<T>(answer: RawAnswer<T>): T {
  if (answer.type !== 'ok') throw new Error(answer.message);
  return answer.value;
}

it.each(['txn', 'raw'] as const)(
  'raw commands do what maps do, in a cluster of %s keys',
  async (api) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30, size: 'max' }), async (steps) => {
        const store = fakeStore();
        Object.assign(store.access, { api });
        const naive = new NaiveRaw();
        for (const s of steps) {
          if (s.type === 'put') {
            answered(await served(store.raw.put(OLD, s.cf, s.key, s.value)));
            // An empty value deletes.
            if (s.value.length === 0) naive.of(s.cf).delete(keyString(s.key));
            else naive.of(s.cf).set(keyString(s.key), keyString(s.value));
          } else if (s.type === 'delete') {
            answered(await served(store.raw.delete(OLD, s.cf, s.key)));
            naive.of(s.cf).delete(keyString(s.key));
          } else if (s.type === 'get') {
            const found = answered(await served(store.raw.get(OLD, s.cf, s.key)));
            expect(found && keyString(found)).toBe(naive.of(s.cf).get(keyString(s.key)));
          } else {
            const pairs = answered(await served(store.raw.scan(OLD, s)));
            const found = pairs.map((pair) => [keyString(pair.key), keyString(pair.value)]);
            expect(found).toEqual(naive.scan(s));
          }
        }
        expect(store.engine.openSnapshots).toBe(0);
      }),
      runs(100),
    );
  },
);
