import {
  type IteratorRange,
  type KvEngine,
  type KvIterator,
  type KvSnapshot,
  nothingReclaimed,
  type Reclaimed,
  type Rng,
  type WriteBatch,
} from '@tinykv/base';
import { MemoryEngine } from '@tinykv/engine';

type Op = readonly [key: Uint8Array, value: Uint8Array | undefined];

class LoggedBatch implements WriteBatch {
  readonly ops: Op[] = [];
  bytes = 0;

  get count(): number {
    return this.ops.length;
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.ops.push([key.slice(), value.slice()]);
    this.bytes += key.length + value.length;
  }

  delete(key: Uint8Array): void {
    this.ops.push([key.slice(), undefined]);
    this.bytes += key.length;
  }
}

/**
 * An engine that promises no more than the port does: at a crash any subset of the batches that no
 * barrier covers is lost.
 */
export class CrashEngine implements KvEngine {
  #live = new MemoryEngine();
  #durable: MemoryEngine;
  #unsynced: (readonly Op[])[] = [];

  constructor(durable: MemoryEngine = new MemoryEngine()) {
    this.#durable = durable;
  }

  static async afterCrash(old: CrashEngine, rng: Rng): Promise<CrashEngine> {
    const kept = old.#unsynced.filter(() => rng.int(0, 2) === 0);
    for (const ops of kept) await apply(old.#durable, ops);
    const engine = new CrashEngine(old.#durable);
    const iterator = old.#durable.iterator({ start: new Uint8Array(0), end: new Uint8Array(0) });
    for (;;) {
      const page = await iterator.next(1000);
      if (page.length === 0) break;
      await apply(engine.#live, page);
    }
    return engine;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#live.get(key);
  }

  iterator(range: IteratorRange): KvIterator {
    return this.#live.iterator(range);
  }

  batch(): LoggedBatch {
    return new LoggedBatch();
  }

  async write(batch: WriteBatch, options: { readonly sync: boolean }): Promise<void> {
    const { ops } = batch as LoggedBatch;
    this.#unsynced.push(ops);
    await apply(this.#live, ops);
    if (options.sync) await this.barrier();
  }

  snapshot(): KvSnapshot {
    return this.#live.snapshot();
  }

  async barrier(): Promise<void> {
    const covered = this.#unsynced.length;
    await Promise.resolve();
    for (const ops of this.#unsynced.splice(0, covered)) await apply(this.#durable, ops);
  }

  approximateSize(start: Uint8Array, end: Uint8Array): Promise<number> {
    return this.#live.approximateSize(start, end);
  }

  reclaim(_start: Uint8Array, _end: Uint8Array): Promise<Reclaimed> {
    return Promise.resolve(nothingReclaimed);
  }

  async close(): Promise<void> {
    await this.#live.close();
  }
}

async function apply(engine: MemoryEngine, ops: readonly Op[]): Promise<void> {
  const batch = engine.batch();
  for (const [key, value] of ops) {
    if (value === undefined) batch.delete(key);
    else batch.put(key, value);
  }
  await engine.write(batch, { sync: false });
}
