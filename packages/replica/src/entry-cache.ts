import type { LogIndex, MemoryBudget } from '@tinykv/base';
import { decodeEntry, type Entry, encodeEntry } from '@tinykv/raft';

/** An entry's objects, besides its bytes: measured. */
export const ENTRY_OVERHEAD_BYTES = 352;

/** What an entry holds in memory when its bytes are its own. */
export function heldBytes(entry: Entry): number {
  return encodeEntry(entry).length + ENTRY_OVERHEAD_BYTES;
}

export function sumHeldBytes(entries: readonly Entry[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += heldBytes(entry);
  return bytes;
}

/**
 * The last entries of a log, in memory. What they hold is counted in the budget of the process.
 *
 * Invariant: entries[i] has index first + i.
 */
export class EntryCache {
  readonly #budget: MemoryBudget;
  #entries: Entry[] = [];
  #first: LogIndex;
  #bytes = 0;

  constructor(budget: MemoryBudget, first: LogIndex) {
    this.#budget = budget;
    this.#first = first;
  }

  get first(): LogIndex {
    return this.#first;
  }

  get bytes(): number {
    return this.#bytes;
  }

  push(entry: Entry): void {
    const bytes = heldBytes(entry);
    this.#entries.push(compact(entry));
    this.#bytes += bytes;
    this.#budget.reserve(bytes);
  }

  /** Takes out the entries at or behind `first`. */
  cut(first: LogIndex): readonly Entry[] {
    const cut = this.#entries.splice(Math.max(0, first - this.#first));
    this.#release(cut);
    this.#first = Math.min(this.#first, first);
    return cut;
  }

  /** Entries before `first` are gone. */
  dropTo(first: LogIndex): void {
    if (first <= this.#first) return;
    this.#release(this.#entries.splice(0, first - this.#first));
    this.#first = first;
  }

  /** Drops the oldest up to and with `last` until no more than `maxBytes` are left. */
  shrink(maxBytes: number, last: LogIndex): void {
    let count = 0;
    let bytes = this.#bytes;
    while (bytes > maxBytes && this.#first + count <= last && count < this.#entries.length) {
      bytes -= heldBytes(this.#entries[count]!);
      count++;
    }
    this.dropTo(this.#first + count);
  }

  /** Empty; the next entry is `first`. */
  reset(first: LogIndex): void {
    this.#release(this.#entries);
    this.#entries = [];
    this.#first = first;
  }

  /** Entries of [low, high), at least one, then as many as fit. */
  take(low: LogIndex, high: LogIndex, maxBytes: number): Entry[] {
    return takeEntries(this.#entries, low - this.#first, high - low, maxBytes);
  }

  #release(entries: readonly Entry[]): void {
    const bytes = sumHeldBytes(entries);
    this.#bytes -= bytes;
    this.#budget.release(bytes);
  }
}

/** The proposal that an entry was made of is not kept beside its encoded form. */
function compact(entry: Entry): Entry {
  const encoded = encodeEntry(entry);
  return entry.data.buffer === encoded.buffer ? entry : decodeEntry(encoded);
}

export function takeEntries(
  from: readonly Entry[],
  at: number,
  count: number,
  maxBytes: number,
): Entry[] {
  const out: Entry[] = [];
  let bytes = 0;
  for (let i = at; i < at + count && i < from.length; i++) {
    const entry = from[i]!;
    bytes += encodeEntry(entry).length;
    if (out.length > 0 && bytes > maxBytes) break;
    out.push(entry);
  }
  return out;
}
