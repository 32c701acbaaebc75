import fc from 'fast-check';
import { expect, it, test } from 'vitest';
import { utf8 } from './bytes.js';
import { crc32, crc32c, crc32cFlippedBit, crc32FlippedBit } from './crc.js';
import { runs } from './testing/fuzz.js';

test.each([
  ['', 0],
  ['a', 0xe8b7_be43],
  ['123456789', 0xcbf4_3926],
  ['The quick brown fox jumps over the lazy dog', 0x414f_a339],
])('CRC-32 of %j', (text, crc) => {
  expect(crc32(utf8(text))).toBe(crc);
});

// The vectors of RFC 3720, B.4, and the usual check value.
test.each([
  ['nothing', new Uint8Array(0), 0],
  ['"123456789"', utf8('123456789'), 0xe306_9283],
  ['32 zeros', new Uint8Array(32), 0x8a91_36aa],
  ['32 ones', new Uint8Array(32).fill(0xff), 0x62a8_ab43],
  ['0 to 31', Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd_794e],
  ['31 to 0', Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113f_db5c],
])('CRC-32C of %s', (_, bytes, crc) => {
  expect(crc32c(bytes)).toBe(crc);
});

function bitwise(bytes: Uint8Array, polynomial: number): number {
  let c = 0xffff_ffff;
  for (const byte of bytes) {
    c ^= byte;
    for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ polynomial : c >>> 1;
  }
  return ~c >>> 0;
}

it.each([
  ['CRC-32', crc32, 0xedb8_8320],
  ['CRC-32C', crc32c, 0x82f6_3b78],
])('%s agrees with the definition, whole and in parts', (_, crc, polynomial) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(64), (bytes, cut) => {
      const wanted = bitwise(bytes, polynomial);
      expect(crc(bytes)).toBe(wanted);
      expect(crc(bytes.subarray(cut), crc(bytes.subarray(0, cut)))).toBe(wanted);
    }),
    runs(500),
  );
});

it('tells any flipped bit, and which one', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1 }), fc.nat(), (bytes, n) => {
      const flipped = Uint8Array.from(bytes);
      const [byte, bit] = [(n >> 3) % bytes.length, n & 7];
      flipped[byte]! ^= 1 << bit;
      const difference = crc32c(flipped) ^ crc32c(bytes);
      expect(crc32cFlippedBit(bytes.length, difference)).toEqual({ byte, bit });
      const ieee = crc32(flipped) ^ crc32(bytes);
      expect(crc32FlippedBit(bytes.length, ieee)).toEqual({ byte, bit });
    }),
  );
});

it('finds no single bit where two were flipped', () => {
  const bytes = Uint8Array.from({ length: 2_000 }, (_, i) => i);
  const flipped = Uint8Array.from(bytes);
  flipped[3]! ^= 1;
  flipped[1_700]! ^= 64;
  expect(crc32cFlippedBit(bytes.length, crc32c(flipped) ^ crc32c(bytes))).toBeUndefined();
  expect(crc32cFlippedBit(bytes.length, 0)).toBeUndefined();
});
