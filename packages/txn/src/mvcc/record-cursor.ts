import { compareBytes, type KvEntry, type KvIterator } from '@tinykv/base';
import { parseRecordKey } from '@tinykv/model';
import { asDataLoss } from './key-view.js';

/** Walks one record family (`k` or `l`) page by page; each page is one step of the event loop. */
export class RecordCursor {
  readonly #iterator: KvIterator;
  readonly #pageKeys: number;
  #page: readonly KvEntry[] = [];
  #at = 0;
  #isAtEnd = false;

  constructor(iterator: KvIterator, pageKeys: number) {
    this.#iterator = iterator;
    this.#pageKeys = pageKeys;
  }

  /** The next record without taking it; undefined at the end. */
  async peek(): Promise<KvEntry | undefined> {
    if (this.#at === this.#page.length && !this.#isAtEnd) {
      this.#page = await this.#iterator.next(this.#pageKeys);
      this.#at = 0;
      this.#isAtEnd = this.#page.length === 0;
    }
    return this.#page[this.#at];
  }

  take(): void {
    this.#at += 1;
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
