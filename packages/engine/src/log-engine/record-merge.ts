import { copyBytes } from '@tinykv/base';
import type { DataSegment } from './data-segment.js';
import type { Place } from './key-directory.js';
import type { PackedRecords } from './packed-records.js';

/** Records that are sorted at once: some ten milliseconds. */
export const RUN_RECORDS = 32_768;
/** Records that are merged between two turns. */
export const MERGE_RECORDS = 8_192;

/** A stretch of a segment's records in the order of their keys; of each key the newest alone. */
export class RecordRun {
  readonly segment: DataSegment;
  /** Higher: newer. */
  readonly age: number;
  readonly records: PackedRecords;
  readonly #order: Uint32Array;
  #at = 0;

  constructor(
    segment: DataSegment,
    age: number,
    records: PackedRecords,
    { from, to }: { readonly from: number; readonly to: number },
  ) {
    this.segment = segment;
    this.age = age;
    this.records = records;
    const order = new Uint32Array(to - from);
    for (let i = from; i < to; i++) order[i - from] = i;
    // The newest of a key first.
    order.sort((a, b) => records.compare(a, records, b) || b - a);
    let kept = 0;
    for (const record of order) {
      const isOlder = kept > 0 && records.compare(order[kept - 1]!, records, record) === 0;
      if (!isOlder) order[kept++] = record;
    }
    this.#order = order.slice(0, kept);
  }

  get length(): number {
    return this.#order.length;
  }

  get isDone(): boolean {
    return this.#at === this.#order.length;
  }

  advance(): void {
    this.#at++;
  }

  /** The order of what both are at: by key, the newer first. */
  compare(other: RecordRun): number {
    return this.records.compare(this.record, other.records, other.record) || other.age - this.age;
  }

  /** The record that it is at. */
  get record(): number {
    return this.#order[this.#at]!;
  }
}

/** The pause of a start between two stretches of work: others have their turn. */
export type Rest = () => Promise<void>;

/** Cuts the records of a segment into runs, oldest first. */
export async function* runsOf(
  segment: DataSegment,
  records: PackedRecords,
  firstAge: number,
  rest: Rest,
): AsyncGenerator<RecordRun> {
  for (let from = 0; from < records.count; from += RUN_RECORDS) {
    const to = Math.min(records.count, from + RUN_RECORDS);
    yield new RecordRun(segment, firstAge + from / RUN_RECORDS, records, { from, to });
    await rest();
  }
}

/**
 * Merges runs: of each key what the newest run says. `take` gets the keys that are there in ascending order. What
 * is held besides the runs is one position in each.
 */
export async function mergeRuns(
  runs: readonly RecordRun[],
  take: (key: Uint8Array, place: Place) => void,
  rest: Rest,
): Promise<void> {
  const heap = new RunHeap(runs);
  let decided: PackedRecords | undefined;
  let decidedRecord = 0;
  for (let merged = 1; ; merged++) {
    const { top } = heap;
    if (top === undefined) return;
    const { records, record } = top;
    if (decided === undefined || records.compare(record, decided, decidedRecord) !== 0) {
      decided = records;
      decidedRecord = record;
      if (!records.isDelete(record)) take(copyBytes(records.key(record)), placeOf(top));
    }
    heap.advance();
    if (merged % MERGE_RECORDS === 0) await rest();
  }
}

function placeOf({ segment, records, record }: RecordRun): Place {
  return { segment, offset: records.offset(record), bytes: records.bytes(record) };
}

/** Runs by what they are at, the least first. */
class RunHeap {
  readonly #runs: RecordRun[];

  constructor(runs: readonly RecordRun[]) {
    this.#runs = runs.filter(({ isDone }) => !isDone);
    for (let i = this.#runs.length >>> 1; i >= 0; i--) this.#sink(i);
  }

  get top(): RecordRun | undefined {
    return this.#runs[0];
  }

  /** The first run goes on to its next key. */
  advance(): void {
    const first = this.#runs[0]!;
    first.advance();
    if (first.isDone) {
      const last = this.#runs.pop()!;
      if (this.#runs.length === 0) return;
      this.#runs[0] = last;
    }
    this.#sink(0);
  }

  #sink(from: number): void {
    const runs = this.#runs;
    for (let at = from; ; ) {
      let least = at;
      for (let child = 2 * at + 1; child <= 2 * at + 2 && child < runs.length; child++) {
        if (runs[child]!.compare(runs[least]!) < 0) least = child;
      }
      if (least === at) return;
      [runs[at], runs[least]] = [runs[least]!, runs[at]!];
      at = least;
    }
  }
}
