import { CodecError, compareBytes, fromHex, startsWith, toHex } from '@tinykv/base';
import { runs } from '@tinykv/base/testing/fuzz';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { valueKey } from './keys.js';
import {
  decodeBytes,
  encodeBytes,
  encodedLength,
  encodingEnd,
  isEncodedBytes,
} from './memcomparable.js';

const bytes = fc.uint8Array({ maxLength: 40 });
// Short strings over few bytes meet at group borders, with zeros and markers in them.
const tricky = fc
  .array(fc.constantFrom(0, 1, 0xf7, 0xfe, 0xff), { maxLength: 18 })
  .map((list) => Uint8Array.from(list));
const anyBytes = fc.oneof(bytes, tricky);

describe('EncodeBytes', () => {
  test.each([
    ['', '0000000000000000f7'],
    ['010203', '0102030000000000fa'],
    ['0102030405060708', '0102030405060708ff0000000000000000f7'],
    ['010203040506070809', '0102030405060708ff0900000000000000f8'],
  ])('of %s is %s', (plain, encoded) => {
    expect(toHex(encodeBytes(fromHex(plain)!))).toBe(encoded);
  });

  // The vectors of TinyKV's EncodeKey: EncodeBytes(key), then the inverted timestamp.
  test.each([
    ['', 0n, '0000000000000000f7ffffffffffffffff'],
    ['2a', 0n, '2a00000000000000f8ffffffffffffffff'],
    ['2a0005', 0xffff_ffff_ffff_ffffn - 0x5e2_dd4cn, '2a00050000000000fa0000000005e2dd4c'],
  ])('with a timestamp of %s is as in TinyKV', (plain, ts, encoded) => {
    expect(toHex(valueKey(fromHex(plain)!, ts).subarray(1))).toBe(encoded);
  });

  it('keeps the order', () => {
    fc.assert(
      fc.property(anyBytes, anyBytes, (a, b) => {
        const order = Math.sign(compareBytes(encodeBytes(a), encodeBytes(b)));
        expect(order).toBe(Math.sign(compareBytes(a, b)));
      }),
      runs(1000),
    );
  });

  it('never makes one encoding the prefix of another', () => {
    fc.assert(
      fc.property(anyBytes, anyBytes, (a, b) => {
        if (compareBytes(a, b) !== 0)
          expect(startsWith(encodeBytes(a), encodeBytes(b))).toBe(false);
      }),
    );
  });

  it('is undone by decodeBytes, wherever it starts and whatever follows', () => {
    fc.assert(
      fc.property(anyBytes, bytes, bytes, (plain, before, after) => {
        const encoded = encodeBytes(plain);
        expect(encoded.length).toBe(encodedLength(plain.length));
        const all = Uint8Array.from([...before, ...encoded, ...after]);
        const end = before.length + encoded.length;
        expect(decodeBytes(all, before.length)).toEqual({ bytes: plain, end });
        expect(encodingEnd(all, before.length)).toBe(end);
        expect(isEncodedBytes(encoded)).toBe(true);
      }),
    );
  });

  it('refuses every cut, bad markers and padding that is not zero', () => {
    const encoded = encodeBytes(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9));
    for (let length = 0; length < encoded.length; length++) {
      expect(() => decodeBytes(encoded.subarray(0, length))).toThrow(CodecError);
      expect(isEncodedBytes(encoded.subarray(0, length))).toBe(false);
    }
    const markers = Uint8Array.from(encoded);
    markers[17] = 0xf6;
    expect(() => decodeBytes(markers)).toThrow(/marker/);
    expect(encodingEnd(markers, 0)).toBe(-1);
    const padding = Uint8Array.from(encoded);
    padding[12] = 1;
    expect(() => decodeBytes(padding)).toThrow(/padding/);
  });
});
