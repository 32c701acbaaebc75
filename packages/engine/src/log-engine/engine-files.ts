import type { LogFile, LogFiles } from '../segment-log/log-files.js';

/** The folder of an engine: files that grow, which are read where the caller stands, and small ones beside them. */
export interface EngineFiles extends LogFiles {
  /** Where the files are, for messages. */
  readonly folder: string;
  create(name: string, bytes: number): Promise<EngineFile>;
  /** Rejects with NOT_FOUND when there is none. */
  open(name: string): Promise<EngineFile>;
  /** Also succeeds when there is none. */
  remove(name: string): Promise<void>;
  /** All of a small file; undefined: there is none. */
  readWhole(name: string): Promise<Uint8Array | undefined>;
  /** Makes a small file, or replaces one. No part of it is durable: a power cut may leave any. */
  writeWhole(name: string, bytes: Uint8Array): Promise<void>;
}

export interface EngineFile extends LogFile {
  /** Grows with a write that ends behind it. */
  readonly size: number;
  /** Takes away what stands at or behind `size`. Durable after the next `sync`. */
  truncate(size: number): void;
  /** As `read`, at once: a hop to another thread costs more than a read of the page cache does. */
  readSync(offset: number, length: number): Uint8Array;
}
