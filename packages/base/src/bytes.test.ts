import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compareBytes,
  concatBytes,
  copyBytes,
  describeBytes,
  EMPTY_BYTES,
  equalBytes,
  fromHex,
  fromKeyString,
  fromUtf8,
  keyString,
  nextKey,
  prefixEnd,
  startsWith,
  toHex,
  utf8,
} from './bytes.js';
import { anyText, runs } from './testing/fuzz.js';

const bytes = fc.uint8Array({ maxLength: 12 });
const tricky = fc
  .array(fc.constantFrom(0, 1, 0xfe, 0xff), { maxLength: 5 })
  .map((list) => Uint8Array.from(list));

describe('bytes', () => {
  it('compare as node does', () => {
    fc.assert(
      fc.property(tricky, tricky, (a, b) => {
        expect(Math.sign(compareBytes(a, b))).toBe(Buffer.compare(a, b));
        expect(equalBytes(a, b)).toBe(Buffer.compare(a, b) === 0);
      }),
      runs(500),
    );
  });

  it('have a next key that nothing lies before', () => {
    fc.assert(
      fc.property(tricky, tricky, (a, b) => {
        expect(compareBytes(a, nextKey(a))).toBeLessThan(0);
        if (compareBytes(b, a) > 0) expect(compareBytes(b, nextKey(a))).toBeGreaterThanOrEqual(0);
      }),
      runs(500),
    );
  });

  it('have a prefix end that parts those with the prefix from those behind', () => {
    fc.assert(
      fc.property(tricky, tricky, (prefix, key) => {
        const end = prefixEnd(prefix);
        const inside =
          compareBytes(key, prefix) >= 0 && (end.length === 0 || compareBytes(key, end) < 0);
        expect(startsWith(key, prefix)).toBe(inside);
      }),
      runs(500),
    );
    expect(prefixEnd(Uint8Array.of(0xff, 0xff))).toBe(EMPTY_BYTES);
  });

  it('survive as strings, hex and text', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 9000 }), anyText(60), (b, text) => {
        expect(fromKeyString(keyString(b))).toEqual(b);
        expect(fromHex(toHex(b))).toEqual(b);
        expect(fromUtf8(utf8(text))).toBe(text);
      }),
      runs(50),
    );
    expect(fromHex('abc')).toBeUndefined();
    expect(fromHex('zz')).toBeUndefined();
  });

  it('concatenate into memory of their own', () => {
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        const joined = concatBytes(a, b);
        expect([...joined]).toEqual([...a, ...b]);
        const copy = copyBytes(a);
        copy.fill(0);
        expect(joined.subarray(0, a.length)).toEqual(a);
      }),
    );
  });

  it('print in one short line', () => {
    expect(describeBytes(utf8('a\\b\n'))).toBe('a\\x5cb\\x0a');
    expect(describeBytes(new Uint8Array(5), 2)).toBe('\\x00\\x00… (5 bytes)');
  });
});
