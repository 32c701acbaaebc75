import {
  assert,
  type IteratorRange,
  type KvEngine,
  KvError,
  type KvIterator,
  type KvSnapshot,
  type Reclaimed,
  type WriteBatch,
} from '@tinykv/base';
import { storageError } from '../storage-errors.js';
import { SyncRounds } from '../sync-rounds.js';
import { Compactor } from './compactor.js';
import type { EngineFiles } from './engine-files.js';
import { HintFiles, type HintWarning } from './hint-files.js';
import { type KeyDirectory, readValue, sizeOf } from './key-directory.js';
import { LogBatch } from './log-batch.js';
import { LogIterator, LogSnapshot } from './log-reader.js';
import type { Rest } from './record-merge.js';
import { type Recovered, recover } from './recovery.js';
import type { SegmentSet } from './segment-set.js';

/** Where an engine runs. */
export interface LogEngineHost {
  readonly files: EngineFiles;
  readonly rest: Rest;
  /** Called when the engine is done with its files. */
  release?(): Promise<void>;
}

export interface LogEngineOptions {
  /** A segment this long is followed by another. A batch that is longer has one for itself. */
  readonly segmentBytes?: number;
  /** Bytes of the heap that the keys may take before {@link LogEngine.full} says so; without a number never. */
  readonly heapBytes?: number;
  /** A hint could not be written: the next start reads its segment instead. */
  readonly hintLost?: HintWarning;
  /** Called once: nothing more can be written until the folder is opened anew. */
  readonly failed?: (error: KvError) => void;
}

/** Each byte written looks at as many bytes of garbage, so that garbage does not win. */
const COMPACTION_PACE = 2;

/**
 * A {@link KvEngine} on a log: a batch is one frame behind all others, and memory knows where the value of each
 * key stands. A get is one read of a file; every record is compared with its checksum when it is read.
 *
 * After a failed write or barrier, or when compaction meets damage, nothing more can be written until the
 * folder is opened anew. A write that found the disk full (RESOURCE_EXHAUSTED) took no effect, and is no such failure.
 */
export class LogEngine implements KvEngine {
  readonly #host: LogEngineHost;
  readonly #folder: string;
  readonly #segments: SegmentSet;
  readonly #directory: KeyDirectory;
  readonly #compactor: Compactor;
  readonly #failed: (error: KvError) => void;
  readonly #heapBytes: number;
  readonly #syncs = new SyncRounds(() => this.#segments.active.sync());
  /** Settles when the last write has, and the compaction behind it; never rejects. */
  #tail: Promise<void> = Promise.resolve();
  #closed: Promise<void> | undefined;
  #failure: KvError | undefined;

  private constructor(
    host: LogEngineHost,
    { segments, directory }: Recovered,
    { failed = () => undefined, heapBytes = Number.POSITIVE_INFINITY }: LogEngineOptions,
  ) {
    this.#host = host;
    this.#folder = host.files.folder;
    this.#failed = failed;
    this.#heapBytes = heapBytes;
    this.#segments = segments;
    this.#directory = directory;
    this.#compactor = new Compactor(segments, directory, (batch) => this.#append(batch));
  }

  /** The files are its own from now on, until it is closed. Rejects with DATA_LOSS when they are damaged. */
  static async open(host: LogEngineHost, options: LogEngineOptions = {}): Promise<LogEngine> {
    const { segmentBytes = 33_554_432, hintLost = () => undefined } = options;
    const { files, rest } = host;
    try {
      const hints = new HintFiles(files, hintLost);
      return new LogEngine(host, await recover(files, { segmentBytes, hints, rest }), options);
    } catch (error) {
      throw storageError(error, `cannot open ${files.folder}`);
    }
  }

  /**
   * Why new values should not be written, or undefined: the keys take so much memory that a process of this heap could
   * not open many more. Writes are not refused here, since what a log has committed must be applied.
   */
  get full(): string | undefined {
    const { heapBytes } = this.#directory;
    if (heapBytes < this.#heapBytes) return undefined;
    return `memory full: the keys take ${heapBytes} bytes of the heap, values are taken below ${this.#heapBytes}`;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    this.#checkOpen();
    const place = this.#directory.get(key);
    return place === undefined ? undefined : readValue(key, place);
  }

  iterator(range: IteratorRange): KvIterator {
    this.#checkOpen();
    return new LogIterator(this.#directory.freeze(), range, this.#segments.pins.pin());
  }

  snapshot(): KvSnapshot {
    this.#checkOpen();
    return new LogSnapshot(this.#directory.freeze(), this.#segments.pins.pin());
  }

  batch(): WriteBatch {
    return new LogBatch();
  }

  async write(batch: WriteBatch, options: { readonly sync: boolean }): Promise<void> {
    assert(batch instanceof LogBatch, 'a batch of another engine');
    this.#checkOpen();
    const written = this.#tail.then(() => this.#writeNext(batch));
    // The caller hears of a failure by `written`, later writes by `#failure`.
    this.#tail = written.then(() => this.#compact(batch.bytes)).catch(() => undefined);
    await written;
    if (options.sync) await this.#sync();
  }

  async barrier(): Promise<void> {
    this.#checkOpen();
    await this.#sync();
  }

  /** Of records: what they take in files. Looks at every key of the range. */
  async approximateSize(start: Uint8Array, end: Uint8Array): Promise<number> {
    this.#checkOpen();
    return sizeOf(this.#directory.freeze(), { start, end });
  }

  /** Garbage goes from the old end of the log, whichever keys it was of; writes go in between. */
  async reclaim(start: Uint8Array, _end: Uint8Array, stepBytes: number): Promise<Reclaimed> {
    this.#checkOpen();
    let bytes = 0;
    while (bytes < stepBytes && this.#compactor.canReclaim && this.#closed === undefined) {
      const stepped = this.#tail.then(() => this.#reclaimNext());
      this.#tail = stepped.then(
        () => undefined,
        () => undefined,
      );
      bytes += await stepped;
      await this.#host.rest();
    }
    const isLeft = this.#closed === undefined && this.#compactor.canReclaim;
    return { bytes, next: isLeft ? start : undefined };
  }

  async #reclaimNext(): Promise<number> {
    this.#checkHealthy();
    try {
      return await this.#compactor.reclaim();
    } catch (error) {
      throw this.#fail(error, 'compaction of');
    }
  }

  /** Waits for running writes and makes them durable; readers that are still open fail from then on. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.#tail;
    await this.#syncs.settled();
    const isHealthy = this.#failure === undefined;
    try {
      if (isHealthy) await this.#segments.active.sync();
      await this.#segments.close(isHealthy);
    } catch (error) {
      throw storageError(error, `close of ${this.#folder}`);
    } finally {
      await this.#host.release?.();
    }
  }

  async #writeNext(batch: LogBatch): Promise<void> {
    this.#checkHealthy();
    assert(!batch.isTaken, 'a batch is written once');
    try {
      await this.#append(batch);
    } catch (error) {
      const failure = storageError(error, `write to ${this.#folder}`);
      throw isFull(failure) ? failure : this.#fail(failure, 'write to');
    }
  }

  async #append(batch: LogBatch): Promise<void> {
    const { frame, records } = batch.take();
    if (records.length === 0) return;
    await this.#segments.makeRoom(frame);
    const segment = this.#segments.active;
    const start = this.#segments.append(frame);
    for (const record of records) {
      const { key, isDelete, bytes } = record;
      const offset = start + record.offset;
      this.#segments.noteRecord({ key, isDelete, offset, bytes });
      if (isDelete) this.#directory.delete(key);
      else this.#directory.put(key, { segment, offset, bytes });
    }
  }

  /** The write before it has succeeded; what fails here, the next one hears of. */
  async #compact(writtenBytes: number): Promise<void> {
    try {
      await this.#compactor.work(1 + writtenBytes * COMPACTION_PACE);
    } catch (error) {
      // A full disk took no effect: the next write begins with the same records again.
      const failure = storageError(error, `compaction of ${this.#folder}`);
      if (!isFull(failure)) this.#fail(failure, 'compaction of');
    }
  }

  async #sync(): Promise<void> {
    this.#checkHealthy();
    try {
      await this.#syncs.run();
    } catch (error) {
      throw this.#fail(error, 'barrier of');
    }
  }

  #checkHealthy(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  #checkOpen(): void {
    if (this.#closed === undefined) return;
    throw new KvError('FAILED_PRECONDITION', `${this.#folder} is closed`);
  }

  #fail(error: unknown, what: string): KvError {
    if (this.#failure === undefined) {
      this.#failure = storageError(error, `${what} ${this.#folder}`);
      this.#failed(this.#failure);
    }
    return this.#failure;
  }
}

function isFull(failure: KvError): boolean {
  return failure.code === 'RESOURCE_EXHAUSTED';
}
