import { compareBytes, describeBytes } from '@tinykv/base';

/** [start, end) over bytes; an empty end means no end. Use these functions, never compare ends by hand. */
export interface KeyRange {
  readonly start: Uint8Array;
  readonly end: Uint8Array;
}

/** Compares range ends, for which empty is the greatest. */
export function compareEnds(a: Uint8Array, b: Uint8Array): number {
  if (a.length === 0) return b.length === 0 ? 0 : 1;
  return b.length === 0 ? -1 : compareBytes(a, b);
}

/** True when `key` lies before the end of a range. */
export function beforeEnd(key: Uint8Array, end: Uint8Array): boolean {
  return end.length === 0 || compareBytes(key, end) < 0;
}

export function rangeContains(range: KeyRange, key: Uint8Array): boolean {
  return compareBytes(key, range.start) >= 0 && beforeEnd(key, range.end);
}

export function rangesOverlap(a: KeyRange, b: KeyRange): boolean {
  return beforeEnd(a.start, b.end) && beforeEnd(b.start, a.end);
}

export function rangeCovers(outer: KeyRange, inner: KeyRange): boolean {
  return compareBytes(outer.start, inner.start) <= 0 && compareEnds(inner.end, outer.end) <= 0;
}

export function describeRange(range: KeyRange): string {
  const end = range.end.length === 0 ? '∞' : describeBytes(range.end);
  return `[${describeBytes(range.start)}, ${end})`;
}
