import type { Timestamp } from '@tinykv/base';

/** Transactions by their start, a bounded number: those that were added last. */
export class RecentTxns implements Iterable<Timestamp> {
  readonly #max: number;
  /** Oldest first. */
  readonly #starts = new Set<Timestamp>();

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#starts.size;
  }

  add(startTs: Timestamp): void {
    this.#starts.delete(startTs);
    this.#starts.add(startTs);
    if (this.#starts.size <= this.#max) return;
    for (const oldest of this.#starts) {
      this.#starts.delete(oldest);
      return;
    }
  }

  [Symbol.iterator](): IterableIterator<Timestamp> {
    return this.#starts.values();
  }
}
