import {
  assert,
  type IteratorRange,
  type KvEngine,
  type KvEntry,
  type KvIterator,
  type KvSnapshot,
  type Reclaimed,
  type Rng,
  type WriteBatch,
} from '@tinykv/base';
import { MemoryEngine } from '@tinykv/engine';
import type { Disk } from './disk.js';
import { type EngineLoss, entriesOf, type MachineEngine } from './machine-engine.js';
import { PacedIterator } from './paced-engine.js';

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
 * An engine that promises no more than its port does: batches are atomic, and at a crash any subset of
 * those that no barrier covers is lost. A barrier covers what was written when it began.
 */
export class SimEngine implements KvEngine, MachineEngine {
  readonly #disk: Disk;
  #live = new MemoryEngine();
  #durable = new MemoryEngine();
  /** Batches that no barrier covers, in the order of their writes. */
  #unsynced = new Set<readonly Op[]>();
  #writes: Promise<void> = Promise.resolve();
  /** Batches on their way into what is durable. */
  #synced: Promise<void> = Promise.resolve();

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  async open(): Promise<KvEngine> {
    return this;
  }

  async crash(rng: Rng): Promise<EngineLoss> {
    const unsynced = this.#unsynced;
    this.#unsynced = new Set();
    this.#writes = Promise.resolve();
    let kept = 0;
    for (const ops of unsynced) {
      if (rng.int(0, 2) === 0) continue;
      await apply(this.#durable, ops);
      kept++;
    }
    this.#live = await copyOf(this.#durable);
    return { kept, lost: unsynced.size - kept };
  }

  exit(): void {
    this.#writes = Promise.resolve();
  }

  async copyFrom(other: MachineEngine): Promise<void> {
    assert(other instanceof SimEngine, 'an engine of another kind');
    this.#live = await copyOf(other.#live);
    this.#durable = await copyOf(other.#live);
  }

  get(key: Uint8Array): Uint8Array | undefined {
    this.#disk.checkReadable('engine get');
    return this.#live.get(key);
  }

  /** The rest of a record when all that no barrier covers is lost, for a checker. */
  getDurable(key: Uint8Array): Uint8Array | undefined {
    return this.#durable.get(key);
  }

  iterator(range: IteratorRange): KvIterator {
    return new PacedIterator(this.#disk, this.#live.iterator(range));
  }

  async rot(rng: Rng): Promise<boolean> {
    const all = await this.peek({ start: new Uint8Array(0), end: new Uint8Array(0) });
    const [key, value] = all[rng.int(0, Math.max(1, all.length))] ?? [];
    if (key === undefined || value === undefined || value.length === 0) return false;
    const flipped = value.slice();
    flipped[rng.int(0, value.length)]! ^= 1 << rng.int(0, 8);
    await apply(this.#live, [[key, flipped]]);
    if (this.#durable.get(key) !== undefined) await apply(this.#durable, [[key, flipped]]);
    return true;
  }

  peek(range: IteratorRange): Promise<KvEntry[]> {
    return entriesOf(this.#live, range);
  }

  batch(): LoggedBatch {
    return new LoggedBatch();
  }

  write(batch: WriteBatch, options: { readonly sync: boolean }): Promise<void> {
    const { ops } = batch as LoggedBatch;
    const written = this.#writes.then(() => this.#write(ops));
    // The queue goes on after a failure; whoever wrote hears of it.
    this.#writes = written.catch(() => undefined);
    return options.sync ? written.then(() => this.barrier()) : written;
  }

  async #write(ops: readonly Op[]): Promise<void> {
    await this.#disk.engineWrite('engine write');
    this.#unsynced.add(ops);
    await apply(this.#live, ops);
  }

  snapshot(): KvSnapshot {
    const snapshot = this.#live.snapshot();
    return {
      get: (key) => {
        this.#disk.checkReadable('snapshot get');
        return snapshot.get(key);
      },
      iterator: (range) => new PacedIterator(this.#disk, snapshot.iterator(range)),
      close: () => snapshot.close(),
    };
  }

  async barrier(): Promise<void> {
    const covered = [...this.#unsynced];
    try {
      await this.#disk.sync('barrier');
      this.#synced = this.#synced.then(() => this.#takeOver(covered));
      await this.#synced;
    } finally {
      // Also after a failure: the kernel calls those pages clean, so no later sync brings them to the disk.
      for (const ops of covered) this.#unsynced.delete(ops);
    }
  }

  /** Each batch once, in the order of the writes: a barrier that ends late must not bring back what a later one has replaced. */
  async #takeOver(covered: readonly (readonly Op[])[]): Promise<void> {
    for (const ops of covered) {
      if (this.#unsynced.delete(ops)) await apply(this.#durable, ops);
    }
  }

  approximateSize(start: Uint8Array, end: Uint8Array): Promise<number> {
    return this.#live.approximateSize(start, end);
  }

  /** Reads and writes as a compaction does, and changes nothing that anybody sees. */
  async reclaim(start: Uint8Array, end: Uint8Array, stepBytes: number): Promise<Reclaimed> {
    await this.#disk.read('reclaim');
    await this.#disk.write('reclaim');
    const bytes = await this.#live.approximateSize(start, end);
    return { bytes: Math.min(bytes, stepBytes), next: undefined };
  }

  close(): Promise<void> {
    return Promise.resolve();
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

async function copyOf(engine: MemoryEngine): Promise<MemoryEngine> {
  const copy = new MemoryEngine();
  const iterator = engine.iterator({ start: new Uint8Array(0), end: new Uint8Array(0) });
  for (;;) {
    const page = await iterator.next(1_000);
    if (page.length === 0) return copy;
    await apply(copy, page);
  }
}
