/** The folder of a log: a few files of fixed size that are written in place, each under one name. */
export interface LogFiles {
  /** Where a file is, for messages. */
  locate(name: string): string;
  /** Names in no particular order. */
  list(): Promise<readonly string[]>;
  /** A new file of `bytes` that read as zero, which are durable when this resolves; its name is not. */
  create(name: string, bytes: number): Promise<LogFile>;
  open(name: string): Promise<LogFile>;
  /** Also of an open file. */
  rename(from: string, to: string): Promise<void>;
  remove(name: string): Promise<void>;
  /**
   * Makes durable what was created, renamed and removed before, by an earlier process too. A power cut may undo
   * any part of it until then.
   */
  syncNames(): Promise<void>;
}

export interface LogFile {
  readonly size: number;
  /** Takes the bytes before it returns; they are durable after the next `sync`. Throws as `sync` rejects. */
  write(offset: number, bytes: Uint8Array): void;
  /** Makes all writes so far durable. What a failed one leaves on the disk is not known. */
  sync(): Promise<void>;
  /** Exactly `length` bytes, which lie within the file. */
  read(offset: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}
