import { compareBytes, type KvEntry, type KvIterator } from '@tinykv/base';
import { parseRecordKey } from '@tinykv/model';
import { asDataLoss } from './key-view.js';

/** Records of the first page after a leap. */
const LEAST_PAGE = 8;

/** Walks one record family (`k` or `l`) page by page; each page is one step of the event loop. */
export class RecordCursor {
  #iterator: KvIterator;
  readonly #pageKeysMax: number;
  /** Grows again where a walk has stayed. */
  #pageKeys: number;
  #page: readonly KvEntry[] = [];
  #at = 0;
  #isAtEnd = false;
  /** The page after this one, which the engine reads meanwhile. */
  #ahead: Promise<readonly KvEntry[]> | undefined;

  constructor(iterator: KvIterator, pageKeys: number) {
    this.#iterator = iterator;
    this.#pageKeysMax = pageKeys;
    this.#pageKeys = pageKeys;
  }

  /** The next record without taking it; undefined at the end. */
  async peek(): Promise<KvEntry | undefined> {
    if (this.needsPage) await this.load(1);
    return this.current;
  }

  /** True: whether there is a next record is known only after {@link load}. */
  get needsPage(): boolean {
    return this.#at === this.#page.length && !this.#isAtEnd;
  }

  /** The next record of this page; undefined at the end, and while a page is needed. */
  get current(): KvEntry | undefined {
    return this.#page[this.#at];
  }

  /** Moves to the next page. When more than its records are wanted, the engine goes on with the one after it. */
  async load(wanted: number): Promise<void> {
    const page = this.#ahead ?? this.#iterator.next(this.#pageKeys);
    this.#ahead = undefined;
    this.#page = await page;
    this.#pageKeys = Math.min(this.#pageKeysMax, 2 * this.#pageKeys);
    this.#at = 0;
    this.#isAtEnd = this.#page.length === 0;
    if (this.#isAtEnd || wanted <= this.#page.length) return;
    this.#ahead = this.#iterator.next(this.#pageKeys);
    // Its failure is thrown by the load that asks for it; a page that nobody asks for may fail unseen.
    this.#ahead.catch(() => undefined);
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
    await this.close();
    this.#ahead = undefined;
    this.#iterator = open();
    this.#pageKeys = Math.min(this.#pageKeysMax, LEAST_PAGE);
  }

  async close(): Promise<void> {
    await this.#ahead?.catch(() => undefined);
    await this.#iterator.close();
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
