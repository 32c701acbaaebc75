import { compareBytes, fromKeyString, keyString, utf8 } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import { cutKey } from './level-pieces.js';

/** Records of 10 bytes each under these keys. */
function sizeOf(keys: readonly Uint8Array[], start: Uint8Array) {
  const size = async (to: Uint8Array): Promise<number> =>
    10 * keys.filter((key) => compareBytes(key, start) >= 0 && compareBytes(key, to) < 0).length;
  return size;
}

const numbered = (prefix: string, count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => utf8(prefix + String(i).padStart(6, '0')));

describe('a piece of a range', () => {
  it.each(['', 'a', 'a prefix that all keys have: '])(
    'is cut within its bounds behind %j',
    async (prefix) => {
      const keys = numbered(prefix, 1_000);
      const start = utf8(prefix);
      const end = fromKeyString(`${keyString(start)}\xff`);
      let from: Uint8Array | undefined = start;
      const pieces: number[] = [];
      while (from !== undefined) {
        const size: (to: Uint8Array) => Promise<number> = sizeOf(keys, from);
        const left = await size(end);
        const next: Uint8Array | undefined =
          left > 1_000 ? await cutKey(from, end, 1_000, size) : undefined;
        if (next !== undefined) expect(compareBytes(next, from)).toBeGreaterThan(0);
        pieces.push(next === undefined ? left : await size(next));
        from = next;
      }
      expect(pieces.reduce((sum, bytes) => sum + bytes)).toBe(10_000);
      for (const bytes of pieces.slice(0, -1)) {
        expect(bytes).toBeGreaterThanOrEqual(500);
        expect(bytes).toBeLessThanOrEqual(1_000);
      }
    },
  );

  it('is all there is when one key holds more than a piece', async () => {
    const size = async (to: Uint8Array): Promise<number> =>
      compareBytes(utf8('m'), to) < 0 ? 5_000 : 0;
    expect(await cutKey(utf8('a'), utf8('z'), 1_000, size)).toBeUndefined();
  });
});
