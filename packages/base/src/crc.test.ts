import fc from 'fast-check';
import { expect, it, test } from 'vitest';
import { utf8 } from './bytes.js';
import { crc32 } from './crc.js';

test.each([
  ['', 0],
  ['a', 0xe8b7_be43],
  ['123456789', 0xcbf4_3926],
  ['The quick brown fox jumps over the lazy dog', 0x414f_a339],
])('CRC-32 of %j', (text, crc) => {
  expect(crc32(utf8(text))).toBe(crc);
});

function bitwise(bytes: Uint8Array): number {
  let c = 0xffff_ffff;
  for (const byte of bytes) {
    c ^= byte;
    for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb8_8320 : c >>> 1;
  }
  return ~c >>> 0;
}

it('agrees with the definition, whole and in parts', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(64), (bytes, cut) => {
      expect(crc32(bytes)).toBe(bitwise(bytes));
      expect(crc32(bytes.subarray(cut), crc32(bytes.subarray(0, cut)))).toBe(bitwise(bytes));
    }),
    { numRuns: 500 },
  );
});

it('tells any flipped bit', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1 }), fc.nat(), (bytes, n) => {
      const flipped = Uint8Array.from(bytes);
      const bit = n % (bytes.length * 8);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(crc32(flipped)).not.toBe(crc32(bytes));
    }),
  );
});
