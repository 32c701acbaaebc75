/**
 * The storage port: an ordered map of bytes to bytes with atomic batches and snapshots. An engine
 * written without sync promises atomic batches, but NOT that a surviving prefix is left after a crash;
 * `barrier()` is what makes everything before it durable.
 */
export interface KvReader {
  /** Point read; synchronous because an asynchronous one costs ten times as much. */
  get(key: Uint8Array): Uint8Array | undefined;
  iterator(range: IteratorRange): KvIterator;
}

export interface KvEngine extends KvReader {
  batch(): WriteBatch;
  /** Atomic. A batch is written once; resolves when readers see it. */
  write(batch: WriteBatch, options: { readonly sync: boolean }): Promise<void>;
  snapshot(): KvSnapshot;
  /** Makes every batch whose `write` resolved before this call durable. A failure is fatal. */
  barrier(): Promise<void>;
  /** An estimate of bytes on disk of a range. */
  approximateSize(start: Uint8Array, end: Uint8Array): Promise<number>;
  /**
   * Gives back the disk space that deleted and replaced records of a range still take, in a step of about `stepBytes` of
   * files; the caller goes on at `next`, at a pace of its own. Readers notice nothing, and what they still need stays. No
   * write becomes durable by it.
   */
  reclaim(start: Uint8Array, end: Uint8Array, stepBytes: number): Promise<Reclaimed>;
  close(): Promise<void>;
}

/** The outcome of a step of {@link KvEngine.reclaim}. */
export interface Reclaimed {
  /** About how many bytes of files it went through. */
  readonly bytes: number;
  /** Where the rest of the range begins; undefined: nothing is left to do. */
  readonly next: Uint8Array | undefined;
}

/** The outcome in an engine without space to give back. */
export const nothingReclaimed: Reclaimed = { bytes: 0, next: undefined };

/** A frozen view. Must be closed. */
export interface KvSnapshot extends KvReader {
  close(): void;
}

/** Empty `end` means no end. `reverse` goes from the end to the start. */
export interface IteratorRange {
  readonly start: Uint8Array;
  readonly end: Uint8Array;
  readonly reverse?: boolean;
  /** Keys only: values come as empty bytes. */
  readonly keysOnly?: boolean;
}

export type KvEntry = readonly [key: Uint8Array, value: Uint8Array];

/** Iterates over the state at its creation. Must be closed. */
export interface KvIterator {
  /** Up to `limit` next entries; an empty array means the end. */
  next(limit: number): Promise<readonly KvEntry[]>;
  close(): Promise<void>;
}

export interface WriteBatch {
  put(key: Uint8Array, value: Uint8Array): void;
  delete(key: Uint8Array): void;
  readonly count: number;
  /** Sum of the sizes of keys and values. */
  readonly bytes: number;
}
