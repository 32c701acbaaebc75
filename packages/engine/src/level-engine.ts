import {
  assert,
  type IteratorRange,
  type KvEngine,
  KvError,
  type KvIterator,
  type KvSnapshot,
  nothingReclaimed,
  type Reclaimed,
  type WriteBatch,
} from '@tinykv/base';
import { makeDurableFolder } from './durable-files.js';
import { type FolderLock, lockFolder } from './folder-lock.js';
import { checkFolder } from './level-check/folder-check.js';
import {
  bindingOf,
  type LevelBatchBinding,
  type LevelBinding,
  openLevel,
} from './level-database.js';
import { cutKey } from './level-pieces.js';
import { LevelSnapshot, openIterator } from './level-reader.js';
import type { EngineFiles } from './log-engine/engine-files.js';
import { LogSyncer } from './log-syncer.js';
import { PresentLogFiles } from './segment-log/node-log-files.js';
import { storageError } from './storage-errors.js';

export interface LevelEngineOptions {
  /** Uncompressed blocks kept in memory. */
  readonly cacheBytes?: number;
  /** A log this long is rotated and written as a table. */
  readonly writeBufferBytes?: number;
  /** Every write is synced and awaited before the next: then less passes for the trace of a crash. */
  readonly everyBatchSynced?: boolean;
  /** Called once: nothing more can be written until the folder is opened anew. */
  readonly failed?: (error: KvError) => void;
}

/** An open LevelDB with its folder. */
export interface LevelHost {
  readonly db: LevelBinding;
  readonly files: EngineFiles;
  /** Called when the engine is done with both. */
  release?(): Promise<void>;
}

/**
 * Tables open at a time. LevelDB maps each whole table that it reads, so this times 2 MiB bounds what
 * scans and random reads add to the resident memory, but for the few tables fresh from a memtable, which
 * are as large as it was. With 300 tables random gets of a store take a tenth longer for it.
 */
const MAX_OPEN_FILES = 128;

/**
 * Two of these are in memory while one is written as a table, and LevelDB maps up to a dozen tables of this size that are
 * fresh from it. With 64 MiB a store under 118 APPENDs a second had 128 MiB of buffers and 300 MiB of such tables.
 */
const WRITE_BUFFER_BYTES = 33_554_432;

/** Longer than any key in use: the end of everything where LevelDB wants a bound. */
const LAST_KEY: Uint8Array = new Uint8Array(64).fill(0xff);

/**
 * A {@link KvEngine} on LevelDB. Batches take effect in the order of their `write` calls. After a
 * failed write or barrier nothing more can be written until the folder is opened anew: LevelDB goes on
 * in the same log behind a record that was cut short, where recovery would never find what follows.
 */
export class LevelEngine implements KvEngine {
  readonly #db: LevelBinding;
  readonly #host: LevelHost;
  readonly #syncer: LogSyncer;
  /** Settles when the last write has; never rejects. */
  #tail: Promise<void> = Promise.resolve();
  /** Settles when the last reclaim has; never rejects. */
  #compaction: Promise<void> = Promise.resolve();
  #closed: Promise<void> | undefined;
  #failure: KvError | undefined;
  readonly #failed: (error: KvError) => void;

  /** The database is its own from now on, until it is closed. */
  constructor(host: LevelHost, { failed = () => undefined }: Pick<LevelEngineOptions, 'failed'>) {
    this.#failed = failed;
    this.#db = host.db;
    this.#host = host;
    this.#syncer = new LogSyncer(host.files);
  }

  /**
   * Creates the folder if need be. Rejects with FAILED_PRECONDITION when another process has it open, and
   * with DATA_LOSS when what lies there is damaged: every file is read, under the folder's lock, before LevelDB
   * touches it.
   */
  static async open(path: string, options: LevelEngineOptions = {}): Promise<LevelEngine> {
    let lock: FolderLock | undefined;
    try {
      await makeDurableFolder(path);
      const held = await lockFolder(path);
      lock = held;
      await checkFolder(path, { everyBatchSynced: options.everyBatchSynced ?? false });
      const db = await openLevel(path, {
        keyEncoding: 'view',
        valueEncoding: 'view',
        compression: false,
        cacheSize: options.cacheBytes ?? 134_217_728,
        writeBufferSize: options.writeBufferBytes ?? WRITE_BUFFER_BYTES,
        maxOpenFiles: MAX_OPEN_FILES,
      });
      const release = (): Promise<void> => held.release();
      const host = { db: bindingOf(db), files: new PresentLogFiles(path), release };
      return new LevelEngine(host, options);
    } catch (error) {
      await lock?.release();
      throw storageError(error, `cannot open ${path}`);
    }
  }

  get(key: Uint8Array): Uint8Array | undefined {
    try {
      return this.#db.getSync(key);
    } catch (error) {
      throw storageError(error, `get from ${this.#db.location}`);
    }
  }

  iterator(range: IteratorRange): KvIterator {
    return openIterator(this.#db, range);
  }

  snapshot(): KvSnapshot {
    return new LevelSnapshot(this.#db);
  }

  batch(): WriteBatch {
    return new LevelBatch(this.#db);
  }

  async write(batch: WriteBatch, options: { readonly sync: boolean }): Promise<void> {
    assert(batch instanceof LevelBatch, 'a batch of another engine');
    this.#checkOpen();
    const written = this.#tail.then(() => this.#writeNext(batch));
    // The caller hears of a failure by `written`, later writes by `#failure`.
    this.#tail = written.catch(() => undefined);
    await written;
    if (options.sync) await this.#sync();
  }

  async barrier(): Promise<void> {
    this.#checkOpen();
    await this.#sync();
  }

  async #sync(): Promise<void> {
    this.#checkHealthy();
    try {
      await this.#syncer.sync();
    } catch (error) {
      throw this.#fail(error, 'barrier of');
    }
  }

  /** Does not count what still in the write buffer. */
  async approximateSize(start: Uint8Array, end: Uint8Array): Promise<number> {
    try {
      return await this.#db.approximateSize(start, end.length > 0 ? end : LAST_KEY);
    } catch (error) {
      throw storageError(error, `size of ${this.#db.location}`);
    }
  }

  /** Compacts a piece of the range, from the tables of the write buffer down. */
  async reclaim(start: Uint8Array, end: Uint8Array, stepBytes: number): Promise<Reclaimed> {
    this.#checkOpen();
    this.#checkHealthy();
    const last = end.length > 0 ? end : LAST_KEY;
    const compacted = this.#compaction.then(() => this.#compactPiece(start, last, stepBytes));
    this.#compaction = compacted.then(
      () => undefined,
      () => undefined,
    );
    return compacted;
  }

  async #compactPiece(start: Uint8Array, end: Uint8Array, stepBytes: number): Promise<Reclaimed> {
    try {
      const size = (to: Uint8Array): Promise<number> => this.#db.approximateSize(start, to);
      const bytes = await size(end);
      // Data that no table holds is small, and goes with its log.
      if (bytes === 0) return nothingReclaimed;
      const next = bytes > stepBytes ? await cutKey(start, end, stepBytes, size) : undefined;
      const piece = next === undefined ? bytes : await size(next);
      await this.#db.compactRange(start, next ?? end);
      // A table of deletions that reaches beyond the piece takes along what it lies over.
      return { bytes: Math.max(piece, bytes - (await size(end))), next };
    } catch (error) {
      throw storageError(error, `compaction of ${this.#db.location}`);
    }
  }

  /** Waits for running writes; iterators and snapshots that are still open are closed. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.#tail;
    await this.#compaction;
    try {
      await this.#db.close();
      await this.#syncer.close();
    } catch (error) {
      throw storageError(error, `close of ${this.#db.location}`);
    } finally {
      await this.#host.release?.();
    }
  }

  async #writeNext(batch: LevelBatch): Promise<void> {
    this.#checkHealthy();
    try {
      await batch.take().write();
    } catch (error) {
      throw this.#fail(error, 'write to');
    }
  }

  #checkHealthy(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  #checkOpen(): void {
    if (this.#closed !== undefined) {
      throw new KvError('FAILED_PRECONDITION', `${this.#db.location} is closed`);
    }
  }

  #fail(error: unknown, what: string): KvError {
    if (this.#failure === undefined) {
      this.#failure = storageError(error, `${what} ${this.#db.location}`);
      this.#failed(this.#failure);
    }
    return this.#failure;
  }
}

/** Operations go straight into the native batch, which copies them. */
class LevelBatch implements WriteBatch {
  readonly #db: LevelBinding;
  #native: LevelBatchBinding | undefined;
  #taken = false;
  #count = 0;
  #bytes = 0;

  constructor(db: LevelBinding) {
    this.#db = db;
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#open().put(key, value);
    this.#count++;
    this.#bytes += key.length + value.length;
  }

  delete(key: Uint8Array): void {
    this.#open().del(key);
    this.#count++;
    this.#bytes += key.length;
  }

  take(): LevelBatchBinding {
    const native = this.#open();
    this.#taken = true;
    return native;
  }

  /** Made with the first operation, so that a batch that stays empty costs nothing. */
  #open(): LevelBatchBinding {
    assert(!this.#taken, 'a batch is written once');
    try {
      this.#native ??= this.#db.batch();
    } catch (error) {
      throw storageError(error, `batch for ${this.#db.location}`);
    }
    return this.#native;
  }
}
