import { compareBytes, concatBytes } from '@tinykv/base';

/** No piece ends at a longer key. */
const CUT_BYTES_MAX = 64;

/**
 * A key that cuts the beginning of a range off, with no more than `maxBytes` of files and, if it can be, no less than
 * half of that; undefined when no short key does. `size` tells the bytes from the range's start to a key, and grows with
 * the key. The cut is found byte by byte, each the greatest that does not take too much.
 */
export async function cutKey(
  start: Uint8Array,
  end: Uint8Array,
  maxBytes: number,
  size: (to: Uint8Array) => Promise<number>,
): Promise<Uint8Array | undefined> {
  let prefix: Uint8Array = new Uint8Array(0);
  let best: Uint8Array | undefined;
  while (prefix.length < CUT_BYTES_MAX) {
    let low = 0;
    let high = 255;
    let lowBytes = 0;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      const key = concatBytes(prefix, Uint8Array.of(middle));
      const isBehind = compareBytes(key, end) >= 0;
      const bytes = isBehind || compareBytes(key, start) <= 0 ? 0 : await size(key);
      if (isBehind || bytes > maxBytes) high = middle - 1;
      else {
        low = middle;
        lowBytes = bytes;
      }
    }
    prefix = concatBytes(prefix, Uint8Array.of(low));
    if (compareBytes(prefix, start) <= 0 || lowBytes === 0) continue;
    best = prefix;
    if (lowBytes >= maxBytes / 2) break;
  }
  return best;
}
