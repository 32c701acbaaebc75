import { assert, type LogIndex } from '@tinykv/base';
import type { FramePlace, Segment } from './segment.js';

/** Consecutive entries of one group in one frame. */
export interface EntryRun {
  readonly segment: Segment;
  readonly frame: FramePlace;
  readonly first: LogIndex;
  /** Behind the last one; less than what the frame holds once the tail was replaced. */
  readonly end: LogIndex;
  /** Where the first one stands in the frame's payload. */
  readonly start: number;
  readonly bytes: number;
}

// Columns of a run: u32 each. The first index is counted from `#base`.
const FIRST = 0;
const COUNT = 1;
const SEGMENT = 2;
const FRAME = 3;
const FRAME_BYTES = 4;
const START = 5;
const BYTES = 6;
const COLUMNS = 7;

/** Runs for which a group has room at first. */
const CAPACITY_MIN = 4;
/** Below it the room doubles; above it grows by an eighth, so that little of it is idle. */
const DOUBLING_MAX = 256;
const U32_END = 2 ** 32;
/** Bytes of frames that are read for one byte of the entries that are wanted. */
const READ_AMPLIFICATION_MAX = 4;

/** The segment of a number; a run only names it. */
export type SegmentByNumber = (number: number) => Segment;

/**
 * Where the entries of one group are, in order of their indexes. Each segment's count of live bytes follows.
 * A log keeps thousands of runs for each of thousands of groups, so a run is a row of numbers (28 bytes), not
 * an object (324 bytes with what it refers to).
 * Invariant: no two runs overlap.
 */
export class EntryRuns {
  readonly #segmentOf: SegmentByNumber;
  #rows = new Uint32Array(CAPACITY_MIN * COLUMNS);
  /** Rows in use are [head, tail). */
  #head = 0;
  #tail = 0;
  #base: LogIndex = 0;

  constructor(segmentOf: SegmentByNumber) {
    this.#segmentOf = segmentOf;
  }

  get count(): number {
    return this.#tail - this.#head;
  }

  /** The entries of the run replace all at or behind its first. */
  append(run: EntryRun): void {
    this.cut(run.first);
    this.#open(this.#tail);
    this.#write(this.#tail - 1, run);
    run.segment.liveBytes += run.bytes;
  }

  /** Entries at or behind `first` are gone. */
  cut(first: LogIndex): void {
    while (this.#tail > this.#head) {
      const last = this.#tail - 1;
      if (this.#endOf(last) <= first) return;
      if (this.#firstOf(last) < first) {
        this.#rows[last * COLUMNS + COUNT] = first - this.#firstOf(last);
        return;
      }
      this.#release(last);
      this.#tail--;
    }
  }

  /** Entries up to and with `index` are gone. */
  dropThrough(index: LogIndex): void {
    while (this.#head < this.#tail && this.#endOf(this.#head) <= index + 1) {
      this.#release(this.#head);
      this.#head++;
    }
    this.#shrink();
  }

  /** The run is a copy of entries that stand elsewhere, or stood in a segment that is gone. */
  move(run: EntryRun): void {
    const at = this.#at(run.first);
    if (at < this.#tail && this.#firstOf(at) < run.end) {
      const [first, end] = [this.#firstOf(at), this.#endOf(at)];
      assert(
        first <= run.first && end === run.end,
        () => `entries [${first}, ${end}) moved as [${run.first}, ${run.end})`,
      );
      this.#release(at);
      this.#write(at, run);
    } else {
      this.#write(this.#open(at), run);
    }
    run.segment.liveBytes += run.bytes;
  }

  /**
   * Those with entries in [low, high), in order, at least one, until they come to more than `maxBytes` or their
   * frames, which are read whole, to several times as much.
   */
  over(low: LogIndex, high: LogIndex, maxBytes: number): EntryRun[] {
    const out: EntryRun[] = [];
    const maxReadBytes = READ_AMPLIFICATION_MAX * maxBytes;
    let [bytes, readBytes] = [0, 0];
    for (let at = this.#at(low); at < this.#tail; at++) {
      if (this.#firstOf(at) >= high || bytes > maxBytes || readBytes > maxReadBytes) break;
      const run = this.#run(at);
      out.push(run);
      bytes += run.bytes;
      readBytes += run.frame.bytes;
    }
    return out;
  }

  /** The run that begins with `first` at this place, if some of its entries are alive. */
  find(
    first: LogIndex,
    segment: Segment,
    frameOffset: number,
    start: number,
  ): EntryRun | undefined {
    const at = this.#at(first);
    if (at === this.#tail || this.#firstOf(at) !== first) return undefined;
    const row = at * COLUMNS;
    const isThere =
      this.#rows[row + SEGMENT] === segment.number &&
      this.#rows[row + FRAME] === frameOffset &&
      this.#rows[row + START] === start;
    return isThere ? this.#run(at) : undefined;
  }

  /** Where the first frame at or behind `offset` begins in which a run of this segment stands. */
  nextFrame(segment: Segment, offset: number): number | undefined {
    let next: number | undefined;
    for (let at = this.#head; at < this.#tail; at++) {
      if (this.#rows[at * COLUMNS + SEGMENT] !== segment.number) continue;
      const frame = this.#rows[at * COLUMNS + FRAME]!;
      if (frame >= offset && (next === undefined || frame < next)) next = frame;
    }
    return next;
  }

  /** Behind the last entry that stands in a frame of this segment that begins in [from, to). */
  endIn(segment: Segment, from: number, to: number): LogIndex | undefined {
    for (let at = this.#tail - 1; at >= this.#head; at--) {
      const row = at * COLUMNS;
      const frame = this.#rows[row + FRAME]!;
      if (this.#rows[row + SEGMENT] === segment.number && frame >= from && frame < to) {
        return this.#endOf(at);
      }
    }
    return undefined;
  }

  clear(): void {
    for (let at = this.#head; at < this.#tail; at++) this.#release(at);
    this.#head = 0;
    this.#tail = 0;
    this.#shrink();
  }

  #firstOf(at: number): LogIndex {
    return this.#base + this.#rows[at * COLUMNS + FIRST]!;
  }

  #endOf(at: number): LogIndex {
    return this.#firstOf(at) + this.#rows[at * COLUMNS + COUNT]!;
  }

  #run(at: number): EntryRun {
    const rows = this.#rows;
    const row = at * COLUMNS;
    const first = this.#firstOf(at);
    return {
      segment: this.#segmentOf(rows[row + SEGMENT]!),
      frame: { offset: rows[row + FRAME]!, bytes: rows[row + FRAME_BYTES]! },
      first,
      end: first + rows[row + COUNT]!,
      start: rows[row + START]!,
      bytes: rows[row + BYTES]!,
    };
  }

  #write(at: number, { segment, frame, first, end, start, bytes }: EntryRun): void {
    if (first < this.#base || first - this.#base >= U32_END) this.#rebase(at, first);
    const row = at * COLUMNS;
    this.#rows[row + FIRST] = first - this.#base;
    this.#rows[row + COUNT] = end - first;
    this.#rows[row + SEGMENT] = segment.number;
    this.#rows[row + FRAME] = frame.offset;
    this.#rows[row + FRAME_BYTES] = frame.bytes;
    this.#rows[row + START] = start;
    this.#rows[row + BYTES] = bytes;
  }

  /** Counts first indexes from the lowest, which is that of a row or the one about to be written to `at`. */
  #rebase(at: number, first: LogIndex): void {
    let base = first;
    for (let other = this.#head; other < this.#tail; other++) {
      if (other !== at) base = Math.min(base, this.#firstOf(other));
    }
    const moved = this.#base - base;
    this.#base = base;
    for (let other = this.#head; other < this.#tail; other++) {
      if (other === at) continue;
      const delta = this.#rows[other * COLUMNS + FIRST]! + moved;
      assert(delta < U32_END, () => `a log of more than ${U32_END} entries`);
      this.#rows[other * COLUMNS + FIRST] = delta;
    }
    assert(first - base < U32_END, () => `a log of more than ${U32_END} entries`);
  }

  #release(at: number): void {
    const row = at * COLUMNS;
    this.#segmentOf(this.#rows[row + SEGMENT]!).liveBytes -= this.#rows[row + BYTES]!;
  }

  /** Makes room for a row before the row `at`; returns the new row, which is to be written. */
  #open(before: number): number {
    let at = before;
    if (this.#tail * COLUMNS === this.#rows.length) {
      at -= this.#head;
      const needed = this.count + 1;
      const spare = needed < DOUBLING_MAX ? needed : needed >> 3;
      this.#resize(Math.max(CAPACITY_MIN, needed + spare));
    }
    const from = at * COLUMNS;
    this.#rows.copyWithin(from + COLUMNS, from, this.#tail * COLUMNS);
    this.#tail++;
    return at;
  }

  /** Gives back room that is mostly idle. */
  #shrink(): void {
    const capacity = this.#rows.length / COLUMNS;
    const { count } = this;
    if (capacity > CAPACITY_MIN && count * 2 <= capacity) {
      this.#resize(Math.max(CAPACITY_MIN, count + (count >> 2)));
    }
  }

  #resize(capacity: number): void {
    const rows = new Uint32Array(capacity * COLUMNS);
    rows.set(this.#rows.subarray(this.#head * COLUMNS, this.#tail * COLUMNS));
    this.#rows = rows;
    this.#tail -= this.#head;
    this.#head = 0;
  }

  /** The place of the first run that ends behind `index`. */
  #at(index: LogIndex): number {
    let low = this.#head;
    let high = this.#tail;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#endOf(middle) <= index) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
