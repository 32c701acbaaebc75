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
import type { SegmentPins } from './segment-pins.js';

/** A page ends once its values come to this, so that a step of an iterator stays short. */
const PAGE_BYTES = 1_048_576;

/** Values are read when they are asked for, from segments that stay until the snapshot is closed. */
export class LogSnapshot implements KvSnapshot {
  readonly #view: DirectoryView;
  readonly #pins: SegmentPins;
  readonly #unpin: () => void;
  #closed = false;

  constructor(view: DirectoryView, pins: SegmentPins) {
    this.#view = view;
    this.#pins = pins;
    this.#unpin = pins.pin();
  }

  get(key: Uint8Array): Uint8Array | undefined {
    assert(!this.#closed, 'get on a closed snapshot');
    const place = this.#view.get(key);
    return place === undefined ? undefined : readValue(key, place);
  }

  iterator(range: IteratorRange): KvIterator {
    assert(!this.#closed, 'iterator on a closed snapshot');
    return new LogIterator(this.#view, range, this.#pins);
  }

  close(): void {
    this.#closed = true;
    this.#unpin();
  }
}

export class LogIterator implements KvIterator {
  readonly #places: Generator<readonly [Uint8Array, Place]>;
  readonly #keysOnly: boolean;
  readonly #unpin: () => void;
  #closed = false;

  constructor(view: DirectoryView, range: IteratorRange, pins: SegmentPins) {
    this.#places = view.entries(range);
    this.#keysOnly = range.keysOnly === true;
    this.#unpin = pins.pin();
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
    this.#unpin();
  }
}
