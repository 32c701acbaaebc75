import { compareBytes, utf8 } from '@tinykv/base';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { GroupWalk, type KeyGroups } from './key-groups.js';

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

/** The keys that a walk gives which goes on at what `skip` says, and how many it looks at. */
function walk(keys: readonly Uint8Array[], groups: KeyGroups): { given: string[]; looked: number } {
  const sorted = [...keys].sort(compareBytes);
  const given: string[] = [];
  const groupWalk = new GroupWalk(groups);
  let looked = 0;
  for (let at = 0; at < sorted.length; looked++) {
    const key = sorted[at]!;
    const next = groupWalk.skip(key);
    if (next === undefined) {
      groupWalk.give(key);
      given.push(text(key));
      at += 1;
    } else {
      expect(next.length === 0 || compareBytes(next, key) > 0).toBe(true);
      while (at < sorted.length && (next.length === 0 || compareBytes(sorted[at]!, next) < 0)) at++;
    }
  }
  return { given, looked };
}

test('a walk gives the keys with the tag, and passes by the others of a group at once', () => {
  const keys = ['A', 'AAa1', 'AAa2', 'AAb1', 'AAb2', 'AAc1', 'AAc2', 'BB', 'BBa1', 'CCb', 'CCb3'];
  const groups = { nameBytes: 2, tag: utf8('b'), restEnd: new Uint8Array(0) };
  const { given, looked } = walk(keys.map(utf8), groups);
  expect(given).toEqual(['AAb1', 'AAb2', 'CCb', 'CCb3']);
  expect(looked).toBe(8);
});

test('with an end it gives of each group what lies below it, and the first that does not', () => {
  const keys = ['AAb1', 'AAb4', 'AAb5', 'AAb6', 'BBb7', 'BBb8', 'CCb1', 'DDa9'];
  const groups = { nameBytes: 2, tag: utf8('b'), restEnd: utf8('4') };
  expect(walk(keys.map(utf8), groups).given).toEqual(['AAb1', 'AAb4', 'BBb7', 'CCb1']);
});

test('a walk over any keys gives what a look at each of them gives', () => {
  const byte = fc.constantFrom(0, 1, 2, 0xff);
  const bytes = (maxLength: number): fc.Arbitrary<Uint8Array> =>
    fc.array(byte, { maxLength }).map((items) => Uint8Array.from(items));
  fc.assert(
    fc.property(
      fc.array(bytes(5), { maxLength: 60 }),
      fc.nat(3),
      bytes(2),
      bytes(2),
      (all, nameBytes, tag, restEnd) => {
        const keys = [...new Map(all.map((key) => [text(key), key])).values()].sort(compareBytes);
        const expected: string[] = [];
        const ended = new Set<string>();
        for (const key of keys) {
          const name = text(key.subarray(0, nameBytes));
          const rest = key.subarray(nameBytes + tag.length);
          if (key.length < nameBytes || !text(key).startsWith(name + text(tag))) continue;
          if (ended.has(name)) continue;
          if (restEnd.length > 0 && compareBytes(rest, restEnd) >= 0) ended.add(name);
          expected.push(text(key));
        }
        expect(walk(keys, { nameBytes, tag, restEnd }).given).toEqual(expected);
      },
    ),
    { numRuns: 500 },
  );
});
