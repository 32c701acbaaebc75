import { compareBytes, type KvEntry, type KvIterator } from '@tinykv/base';
import { parseRecordKey } from '@tinykv/model';
import { asDataLoss } from './key-view.js';

/** The first page behind a place that was skipped to: perhaps one more is skipped to from there. */
const LEAST_PAGE = 8;

/** Walks one record family (`k` or `l`) page by page; each page is one step of the event loop. */
export class RecordCursor {
  #iterator: KvIterator;
  readonly #pageKeysMax: number;
  #pageKeys: number;
  #page: readonly KvEntry[] = [];
  #at = 0;
  #isAtEnd = false;

  constructor(iterator: KvIterator, pageKeys: number) {
    this.#iterator = iterator;
    this.#pageKeysMax = pageKeys;
    this.#pageKeys = pageKeys;
  }

  /** The next record without taking it; undefined at the end. */
  async peek(): Promise<KvEntry | undefined> {
    if (this.#at === this.#page.length && !this.#isAtEnd) {
      this.#page = await this.#iterator.next(this.#pageKeys);
      this.#pageKeys = Math.min(this.#pageKeysMax, 2 * this.#pageKeys);
      this.#at = 0;
      this.#isAtEnd = this.#page.length === 0;
    }
    return this.#page[this.#at];
  }

  take(): void {
    this.#at += 1;
  }

  /** Goes on at the first record that is not below `key`; empty: at the end. `open` begins anew at such a record. */
  async skipTo(key: Uint8Array, open: () => KvIterator): Promise<void> {
    const last = this.#page[this.#page.length - 1];
    const isInPage = key.length > 0 && last !== undefined && compareBytes(last[0], key) >= 0;
    if (isInPage) {
      while (compareBytes(this.#page[this.#at]![0], key) < 0) this.#at += 1;
      return;
    }
    this.#at = this.#page.length;
    if (key.length === 0) this.#isAtEnd = true;
    if (this.#isAtEnd) return;
    await this.#iterator.close();
    this.#iterator = open();
    this.#pageKeys = Math.min(this.#pageKeysMax, LEAST_PAGE);
  }

  close(): Promise<void> {
    return this.#iterator.close();
  }
}

/** Order of two records of different families by their user keys. */
export function compareRecordKeys(a: Uint8Array, b: Uint8Array): number {
  return compareBytes(a.subarray(1), b.subarray(1));
}

export function userKeyOf(at: Uint8Array): Uint8Array {
  try {
    return parseRecordKey(at);
  } catch (error) {
    throw asDataLoss(error, 'record key', at);
  }
}
