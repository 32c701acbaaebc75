import {
  assert,
  EMPTY_BYTES,
  type IteratorRange,
  type KvEntry,
  KvError,
  type KvIterator,
  type KvSnapshot,
} from '@tinykv/base';
import { type DirectoryView, type Place, readValue } from './key-directory.js';
import type { SegmentPin } from './segment-pins.js';

/** A page ends once its values come to this, so that a step of an iterator stays short. */
const PAGE_BYTES = 1_048_576;

/** Values are read when they are asked for, from segments that stay until the snapshot is closed. */
export class LogSnapshot implements KvSnapshot {
  readonly #view: DirectoryView;
  readonly #pin: SegmentPin;
  #closed = false;

  /** Releases the pin when it is closed. */
  constructor(view: DirectoryView, pin: SegmentPin) {
    this.#view = view;
    this.#pin = pin;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    assert(!this.#closed, 'get on a closed snapshot');
    const place = this.#view.get(key);
    return place === undefined ? undefined : readValue(key, place);
  }

  iterator(range: IteratorRange): KvIterator {
    assert(!this.#closed, 'iterator on a closed snapshot');
    // Its own hold: segments that went since the snapshot was made wait for the snapshot's pin alone.
    return new LogIterator(this.#view, range, this.#pin.share());
  }

  close(): void {
    this.#closed = true;
    this.#pin.release();
  }
}

export class LogIterator implements KvIterator {
  readonly #places: Generator<readonly [Uint8Array, Place]>;
  readonly #keysOnly: boolean;
  readonly #pin: SegmentPin;
  #closed = false;

  /** Releases the pin when it is closed. */
  constructor(view: DirectoryView, range: IteratorRange, pin: SegmentPin) {
    this.#places = view.entries(range);
    this.#keysOnly = range.keysOnly === true;
    this.#pin = pin;
  }

  async next(limit: number): Promise<readonly KvEntry[]> {
    assert(limit > 0, () => `iterator limit ${limit}`);
    if (this.#closed) throw new KvError('FAILED_PRECONDITION', 'the iterator is closed');
    const out: KvEntry[] = [];
    for (let bytes = 0; out.length < limit && bytes < PAGE_BYTES; ) {
      const { done, value } = this.#places.next();
      if (done === true) break;
      const [key, place] = value;
      out.push([key, this.#keysOnly ? EMPTY_BYTES : readValue(key, place)]);
      if (!this.#keysOnly) bytes += place.bytes;
    }
    return out;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#pin.release();
  }
}
