import { utf8 } from '@tinykv/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonCodec, utf8Codec } from './codec.js';

const json = jsonCodec<unknown>();
const BOM = '\ufeff';
const text = fc.string({ unit: 'binary' });

describe('utf8Codec', () => {
  it('gives back every string that it takes, and no two share their bytes', () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(utf8Codec.decode(utf8Codec.encode(a))).toBe(a);
        expect(Buffer.compare(utf8Codec.encode(a), utf8Codec.encode(b)) === 0).toBe(a === b);
      }),
    );
  });

  it('keeps a mark of the byte order at the beginning', () => {
    for (const value of [BOM, `${BOM}x`, `${BOM}${BOM}`]) {
      expect(utf8Codec.decode(utf8Codec.encode(value))).toBe(value);
    }
  });

  it('refuses strings with half a character', () => {
    for (const value of ['\ud800', 'a\udfffb', '\udc00\ud800']) {
      expect(() => utf8Codec.encode(value)).toThrow(/lone surrogate/);
    }
  });

  it('refuses bytes that are no UTF-8', () => {
    for (const bytes of [[0xff], [0x61, 0xc3], [0xed, 0xa0, 0x80], [0xc0, 0x80]]) {
      expect(() => utf8Codec.decode(Uint8Array.from(bytes))).toThrow(/no UTF-8/);
    }
  });
});

describe('jsonCodec', () => {
  it('keeps strings of every kind, in halves of characters too', () => {
    for (const value of [BOM, `${BOM}x`, '\ud800', { '\udfff': '\ud800' }]) {
      expect(json.decode(json.encode(value))).toEqual(value);
    }
  });

  it('refuses bytes that are no UTF-8, and a mark of the byte order before the JSON', () => {
    expect(() => json.decode(Uint8Array.from([0x22, 0xff, 0x22]))).toThrow(/no UTF-8/);
    expect(() => json.decode(utf8(`${BOM}1`))).toThrow(SyntaxError);
  });
});
