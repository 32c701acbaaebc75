import { assert, errorMessage, KvError } from '@tinykv/base';
import { storageError } from '../storage-errors.js';
import type { EngineFile, EngineFiles } from './engine-files.js';
import { encodeSegmentHeader, SEGMENT_HEADER_BYTES, type SegmentHeader } from './segment-header.js';

/** Offsets take four bytes in the files. */
const SEGMENT_BYTES_MAX = 2 ** 32 - 1;
const REWRITE_BYTES = 1_048_576;

/**
 * One file of the engine. Reads and writes are synchronous, since they go to the page cache as a rule, where
 * a hop to the thread pool costs more than they do; syncs are not.
 */
export class DataSegment {
  readonly number: number;
  /** For messages. */
  readonly path: string;
  readonly #file: EngineFile;
  /** Where the next frame goes. */
  #end: number;
  /** Invariant: durable <= end. */
  #durable = 0;
  #isClosed = false;
  /** Bytes of records that the directory points to. */
  liveBytes = 0;

  private constructor(number: number, path: string, file: EngineFile) {
    this.number = number;
    this.path = path;
    this.#file = file;
    this.#end = file.size;
  }

  /** A new file with its header, which is durable, except for its name. */
  static async create(files: EngineFiles, header: SegmentHeader): Promise<DataSegment> {
    const name = segmentName(header.number);
    const file = await files.create(name, 0);
    try {
      const segment = new DataSegment(header.number, files.locate(name), file);
      segment.write(encodeSegmentHeader(header));
      await segment.sync();
      return segment;
    } catch (error) {
      await file.close();
      // On a full disk the next attempt makes it anew.
      await files.remove(name);
      throw error;
    }
  }

  static async open(files: EngineFiles, number: number): Promise<DataSegment> {
    const name = segmentName(number);
    return new DataSegment(number, files.locate(name), await files.open(name));
  }

  get end(): number {
    return this.#end;
  }

  /** The bytes from the start that a sync has covered. */
  get durable(): number {
    return this.#durable;
  }

  get isEmpty(): boolean {
    return this.#end <= SEGMENT_HEADER_BYTES;
  }

  /**
   * Behind all others; durable after `sync`. Returns where it is. Throws RESOURCE_EXHAUSTED when the disk is full:
   * the file is as it was before.
   */
  write(bytes: Uint8Array): number {
    const at = this.#end;
    assert(at + bytes.length <= SEGMENT_BYTES_MAX, () => `${this.path} would be too long`);
    try {
      this.#file.write(at, bytes);
    } catch (error) {
      this.#takeBack(at);
      throw storageError(error, `write to ${this.path}`);
    }
    this.#end += bytes.length;
    return at;
  }

  /** Some bytes of a failed write may be there. Another segment must not follow one that has more than frames. */
  #takeBack(end: number): void {
    try {
      this.#file.truncate(end);
    } catch (error) {
      const text = `${this.path} cannot be cut behind a failed write: ${errorMessage(error)}`;
      throw new KvError('INTERNAL', text, { cause: error });
    }
  }

  /** Exactly `length` bytes, in memory of their own. Throws DATA_LOSS when they are not there. */
  read(offset: number, length: number): Uint8Array {
    if (this.#isClosed) throw new KvError('FAILED_PRECONDITION', `${this.path} is closed`);
    try {
      return this.#file.readSync(offset, length);
    } catch (error) {
      throw storageError(error, `read of ${this.path}`);
    }
  }

  /** Makes all writes so far durable. */
  async sync(): Promise<void> {
    const end = this.#end;
    try {
      await this.#file.sync();
    } catch (error) {
      // Also on a full disk: what of the file is durable is not known any more.
      throw new KvError('INTERNAL', `fsync of ${this.path}: ${errorMessage(error)}`, {
        cause: error,
      });
    }
    this.#durable = Math.max(this.#durable, end);
  }

  /**
   * Writes again what stands at or behind `from`. A sync alone does not make it durable: after a failed one
   * the kernel may hold pages for clean that never reached the disk.
   */
  rewrite(from: number): void {
    for (let at = from; at < this.#end; ) {
      const bytes = this.read(at, Math.min(REWRITE_BYTES, this.#end - at));
      this.#file.write(at, bytes);
      at += bytes.length;
    }
  }

  /** Takes away what a crash left behind the last frame. */
  cut(end: number): void {
    this.#file.truncate(end);
    this.#end = end;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#file.close();
  }
}

const NAME_DIGITS = 10;

export function segmentName(number: number): string {
  return `${String(number).padStart(NAME_DIGITS, '0')}.data`;
}

export function hintName(number: number): string {
  return `${String(number).padStart(NAME_DIGITS, '0')}.hint`;
}

/** Undefined when the name is not a segment's or a hint's. */
export function numberOf(name: string): { number: number; kind: 'data' | 'hint' } | undefined {
  const match = /^(\d{10})\.(data|hint)$/.exec(name);
  if (match === null) return undefined;
  return { number: Number(match[1]), kind: match[2] === 'data' ? 'data' : 'hint' };
}
