import type {
  IteratorRange,
  KvEngine,
  KvEntry,
  KvIterator,
  KvSnapshot,
  Reclaimed,
  WriteBatch,
} from '@tinykv/base';
import type { Disk } from './disk.js';

/**
 * An engine of the product at the pace of a simulated disk: each batch takes its time before it is written, one
 * after the other, and so do some pages. What becomes of its files is not decided here.
 */
export class PacedEngine implements KvEngine {
  readonly #disk: Disk;
  readonly #engine: KvEngine;
  #writes: Promise<void> = Promise.resolve();

  constructor(disk: Disk, engine: KvEngine) {
    this.#disk = disk;
    this.#engine = engine;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    this.#disk.checkReadable('engine get');
    return this.#engine.get(key);
  }

  iterator(range: IteratorRange): KvIterator {
    return new PacedIterator(this.#disk, this.#engine.iterator(range));
  }

  snapshot(): KvSnapshot {
    const snapshot = this.#engine.snapshot();
    return {
      get: (key) => {
        this.#disk.checkReadable('snapshot get');
        return snapshot.get(key);
      },
      iterator: (range) => new PacedIterator(this.#disk, snapshot.iterator(range)),
      close: () => snapshot.close(),
    };
  }

  batch(): WriteBatch {
    return this.#engine.batch();
  }

  async write(batch: WriteBatch, options: { readonly sync: boolean }): Promise<void> {
    const written = this.#writes.then(async () => {
      await this.#disk.engineWrite('engine write');
      await this.#engine.write(batch, { sync: false });
    });
    // The queue goes on after a failure; whoever wrote hears of it.
    this.#writes = written.catch(() => undefined);
    await written;
    if (options.sync) await this.#engine.barrier();
  }

  barrier(): Promise<void> {
    return this.#engine.barrier();
  }

  approximateSize(start: Uint8Array, end: Uint8Array): Promise<number> {
    return this.#engine.approximateSize(start, end);
  }

  async reclaim(start: Uint8Array, end: Uint8Array, stepBytes: number): Promise<Reclaimed> {
    await this.#disk.read('reclaim');
    return this.#engine.reclaim(start, end, stepBytes);
  }

  async close(): Promise<void> {
    await this.#writes;
    await this.#engine.close();
  }
}

/** Reads of pages take the disk's time now and then, so that other things happen in between. */
export class PacedIterator implements KvIterator {
  readonly #disk: Disk;
  readonly #iterator: KvIterator;

  constructor(disk: Disk, iterator: KvIterator) {
    this.#disk = disk;
    this.#iterator = iterator;
  }

  async next(limit: number): Promise<readonly KvEntry[]> {
    const page = await this.#iterator.next(limit);
    if (this.#disk.rng.int(0, 4) === 0) await this.#disk.operation('read');
    this.#disk.checkReadable('read');
    return page;
  }

  close(): Promise<void> {
    return this.#iterator.close();
  }
}
