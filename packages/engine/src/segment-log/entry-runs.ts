import { assert, type LogIndex } from '@tinykv/base';
import type { Entry, TermRun } from '@tinykv/raft';
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
  /** Where terms begin; may go on behind `end`. */
  readonly terms: readonly TermRun[];
}

/** The terms of consecutive entries, of which there is one at least. */
export function termsOf(entries: readonly Entry[]): TermRun[] {
  const out: TermRun[] = [];
  for (const { index, term } of entries) {
    if (out.length === 0 || out[out.length - 1]!.term !== term) out.push({ first: index, term });
  }
  return out;
}

/**
 * Where the entries of one group are, in order of their indexes. Each segment's count of live bytes follows.
 * Invariant: no two runs overlap.
 */
export class EntryRuns {
  #runs: EntryRun[] = [];

  get runs(): readonly EntryRun[] {
    return this.#runs;
  }

  /** The entries of the run replace all at or behind its first. */
  append(run: EntryRun): void {
    this.cut(run.first);
    this.#runs.push(run);
    run.segment.liveBytes += run.bytes;
  }

  /** Entries at or behind `first` are gone. */
  cut(first: LogIndex): void {
    for (let last = this.#runs.at(-1); last !== undefined && last.end > first; ) {
      this.#runs.pop();
      if (last.first < first) {
        this.#runs.push({ ...last, end: first });
        return;
      }
      last.segment.liveBytes -= last.bytes;
      last = this.#runs.at(-1);
    }
  }

  /** Entries up to and with `index` are gone. */
  dropThrough(index: LogIndex): void {
    let count = 0;
    for (const run of this.#runs) {
      if (run.end > index + 1) break;
      run.segment.liveBytes -= run.bytes;
      count++;
    }
    if (count > 0) this.#runs.splice(0, count);
  }

  /** The run is a copy of entries that stand elsewhere, or stood in a segment that is gone. */
  move(run: EntryRun): void {
    const at = this.#at(run.first);
    const old = this.#runs[at];
    const replaces = old !== undefined && old.first < run.end;
    if (replaces) {
      assert(
        old.first <= run.first && old.end === run.end,
        () => `entries [${old.first}, ${old.end}) moved as [${run.first}, ${run.end})`,
      );
      old.segment.liveBytes -= old.bytes;
    }
    this.#runs.splice(at, replaces ? 1 : 0, run);
    run.segment.liveBytes += run.bytes;
  }

  /** Those with entries in [low, high), in order. */
  over(low: LogIndex, high: LogIndex): EntryRun[] {
    const out: EntryRun[] = [];
    for (let at = this.#at(low); at < this.#runs.length; at++) {
      const run = this.#runs[at]!;
      if (run.first >= high) break;
      out.push(run);
    }
    return out;
  }

  clear(): void {
    for (const run of this.#runs) run.segment.liveBytes -= run.bytes;
    this.#runs = [];
  }

  /** The place of the first run that ends behind `index`. */
  #at(index: LogIndex): number {
    let low = 0;
    let high = this.#runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#runs[middle]!.end <= index) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
