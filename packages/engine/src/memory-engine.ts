import {
  assert,
  copyBytes,
  EMPTY_BYTES,
  type IteratorRange,
  type KvEngine,
  type KvEntry,
  KvError,
  type KvIterator,
  type KvSnapshot,
  nothingReclaimed,
  type Reclaimed,
  type WriteBatch,
} from '@tinykv/base';
import { SortedMap, type SortedView } from './sorted-map.js';

/** A {@link KvEngine} that forgets everything at the end of the process; `barrier` has nothing to do. */
export class MemoryEngine implements KvEngine {
  readonly #map = new SortedMap<Uint8Array>();
  #closed = false;

  get(key: Uint8Array): Uint8Array | undefined {
    this.#check();
    return this.#map.get(key);
  }

  iterator(range: IteratorRange): KvIterator {
    this.#check();
    return new MemoryIterator(this.#map.freeze(), range);
  }

  snapshot(): KvSnapshot {
    this.#check();
    return new MemorySnapshot(this.#map.freeze());
  }

  batch(): WriteBatch {
    return new MemoryBatch();
  }

  async write(batch: WriteBatch, _options: { readonly sync: boolean }): Promise<void> {
    assert(batch instanceof MemoryBatch, 'a batch of another engine');
    this.#check();
    for (const [key, value] of batch.take()) {
      if (value === undefined) this.#map.delete(key);
      else this.#map.set(key, value);
    }
  }

  async barrier(): Promise<void> {
    this.#check();
  }

  async approximateSize(start: Uint8Array, end: Uint8Array): Promise<number> {
    this.#check();
    let bytes = 0;
    for (const [key, value] of this.#map.freeze().entries({ start, end })) {
      bytes += key.length + value.length;
    }
    return bytes;
  }

  /** A record that is deleted or replaced takes no space. */
  async reclaim(): Promise<Reclaimed> {
    this.#check();
    return nothingReclaimed;
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #check(): void {
    if (this.#closed) throw new KvError('FAILED_PRECONDITION', 'the engine is closed');
  }
}

class MemorySnapshot implements KvSnapshot {
  readonly #view: SortedView<Uint8Array>;
  #closed = false;

  constructor(view: SortedView<Uint8Array>) {
    this.#view = view;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    assert(!this.#closed, 'get on a closed snapshot');
    return this.#view.get(key);
  }

  iterator(range: IteratorRange): KvIterator {
    assert(!this.#closed, 'iterator on a closed snapshot');
    return new MemoryIterator(this.#view, range);
  }

  close(): void {
    this.#closed = true;
  }
}

class MemoryIterator implements KvIterator {
  readonly #entries: Generator<KvEntry>;
  readonly #keysOnly: boolean;
  #closed = false;

  constructor(view: SortedView<Uint8Array>, range: IteratorRange) {
    this.#entries = view.entries(range);
    this.#keysOnly = range.keysOnly === true;
  }

  async next(limit: number): Promise<readonly KvEntry[]> {
    assert(limit > 0, () => `iterator limit ${limit}`);
    if (this.#closed) throw new KvError('FAILED_PRECONDITION', 'the iterator is closed');
    const out: KvEntry[] = [];
    while (out.length < limit) {
      const { done, value } = this.#entries.next();
      if (done === true) break;
      out.push(this.#keysOnly ? [value[0], EMPTY_BYTES] : value);
    }
    return out;
  }

  async close(): Promise<void> {
    this.#closed = true;
  }
}

/** Copies what it is given, as the native batch of the disk engine does. */
class MemoryBatch implements WriteBatch {
  readonly #operations: (readonly [key: Uint8Array, value: Uint8Array | undefined])[] = [];
  #taken = false;
  #bytes = 0;

  get count(): number {
    return this.#operations.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#push(copyBytes(key), copyBytes(value));
  }

  delete(key: Uint8Array): void {
    this.#push(copyBytes(key), undefined);
  }

  take(): readonly (readonly [key: Uint8Array, value: Uint8Array | undefined])[] {
    assert(!this.#taken, 'a batch is written once');
    this.#taken = true;
    return this.#operations;
  }

  #push(key: Uint8Array, value: Uint8Array | undefined): void {
    assert(!this.#taken, 'a batch is written once');
    this.#operations.push([key, value]);
    this.#bytes += key.length + (value?.length ?? 0);
  }
}
