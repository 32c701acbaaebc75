import { assert, type LogIndex } from '@tinykv/base';

/**
 * The window of MsgApp messages sent to a peer and not yet acknowledged: a ring of (last index,
 * payload bytes). The ring grows up to `size` as needed, since most peers never fill it.
 */
export class Inflights {
  readonly size: number;
  /** Zero: no limit of bytes. */
  readonly maxBytes: number;
  #indexes: LogIndex[] = [];
  #bytes: number[] = [];
  #start = 0;
  #count = 0;
  #totalBytes = 0;

  constructor(size: number, maxBytes: number) {
    this.size = size;
    this.maxBytes = maxBytes;
  }

  /** Notes a message whose last entry is `index`. Indexes must be added in ascending order. */
  add(index: LogIndex, bytes: number): void {
    assert(!this.full(), 'cannot add into a full inflights window');
    if (this.#count === this.#indexes.length) this.#grow();
    const at = (this.#start + this.#count) % this.#indexes.length;
    this.#indexes[at] = index;
    this.#bytes[at] = bytes;
    this.#count++;
    this.#totalBytes += bytes;
  }

  /** Frees all messages whose last entry is at or below `to`. */
  freeLE(to: LogIndex): void {
    while (this.#count > 0 && this.#indexes[this.#start]! <= to) {
      this.#totalBytes -= this.#bytes[this.#start]!;
      this.#start = (this.#start + 1) % this.#indexes.length;
      this.#count--;
    }
  }

  /** A message that begins below the limit of bytes may go over it. */
  full(): boolean {
    return this.#count === this.size || (this.maxBytes !== 0 && this.#totalBytes >= this.maxBytes);
  }

  count(): number {
    return this.#count;
  }

  reset(): void {
    this.#start = 0;
    this.#count = 0;
    this.#totalBytes = 0;
  }

  clone(): Inflights {
    const copy = new Inflights(this.size, this.maxBytes);
    copy.#indexes = this.#indexes.slice();
    copy.#bytes = this.#bytes.slice();
    copy.#start = this.#start;
    copy.#count = this.#count;
    copy.#totalBytes = this.#totalBytes;
    return copy;
  }

  /** Unrolls the ring into the front of a larger one. Called only when the ring is full. */
  #grow(): void {
    const old = this.#indexes.length;
    const grown = Math.min(this.size, Math.max(1, old * 2));
    const indexes = new Array<LogIndex>(grown).fill(0);
    const bytes = new Array<number>(grown).fill(0);
    for (let i = 0; i < this.#count; i++) {
      const from = (this.#start + i) % old;
      indexes[i] = this.#indexes[from]!;
      bytes[i] = this.#bytes[from]!;
    }
    this.#indexes = indexes;
    this.#bytes = bytes;
    this.#start = 0;
  }
}
