import { compareBytes } from '@tinykv/base';
import { compareEnds, type KeyRange, rangesOverlap } from '@tinykv/model';

/** What is left of a range when the others, which ascend and do not overlap, are cut out. */
export function subtractRanges(range: KeyRange, others: readonly KeyRange[]): KeyRange[] {
  const out: KeyRange[] = [];
  let start = range.start;
  for (const other of others) {
    if (!rangesOverlap({ start, end: range.end }, other)) continue;
    if (compareBytes(start, other.start) < 0) out.push({ start, end: other.start });
    if (compareEnds(other.end, range.end) >= 0) return out;
    start = other.end;
  }
  out.push({ start, end: range.end });
  return out;
}
