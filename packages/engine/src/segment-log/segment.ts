import { assert, concatBytes } from '@tinykv/base';
import { damage } from '../damage.js';
import { frameAt } from '../frame-format.js';
import type { LogFile } from './log-files.js';
import { encodeSegmentHeader, SEGMENT_HEADER_BYTES } from './segment-header.js';

/** Where a frame stands in its segment. */
export interface FramePlace {
  readonly offset: number;
  readonly bytes: number;
}

/** A file of the log, and what of it is still needed. */
export class Segment {
  readonly number: number;
  /** For messages. */
  readonly path: string;
  readonly file: LogFile;
  /** Where the next frame goes; 0 while the header is not written. */
  end = 0;
  /** Bytes of entries that some group still has. */
  liveBytes = 0;
  /** Groups whose newest state stands here. */
  states = 0;
  #readers = 0;

  constructor(number: number, path: string, file: LogFile) {
    this.number = number;
    this.path = path;
    this.file = file;
  }

  /** Nobody needs what stands here. */
  get isUnneeded(): boolean {
    return this.liveBytes === 0 && this.states === 0;
  }

  /** Nobody needs what stands here, nor is reading it. */
  get isFree(): boolean {
    return this.isUnneeded && this.#readers === 0;
  }

  /** No frame is in it. */
  get isEmpty(): boolean {
    return this.end <= SEGMENT_HEADER_BYTES;
  }

  hasRoom(frameBytes: number): boolean {
    return Math.max(this.end, SEGMENT_HEADER_BYTES) + frameBytes <= this.file.size;
  }

  /** Writes a frame behind the others; durable after `file.sync`. */
  write(frame: Uint8Array, sequence: number): FramePlace {
    assert(this.hasRoom(frame.length), () => `segment ${this.number} is full`);
    const { number, file } = this;
    if (this.end === 0) {
      const header = { number, fileBytes: file.size, firstSequence: sequence };
      // In one write: no power cut keeps a frame whose header is lost, which would pass for damage.
      file.write(0, concatBytes(encodeSegmentHeader(header), frame));
      this.end = SEGMENT_HEADER_BYTES;
    } else {
      file.write(this.end, frame);
    }
    const place = { offset: this.end, bytes: frame.length };
    this.end += frame.length;
    return place;
  }

  /**
   * Writes again what stands from the frame on (with the header, if the frame is the first), and syncs it. A
   * sync alone would not do: after a failed one the kernel may hold pages for clean that never reached the disk.
   */
  async rewrite({ offset, bytes }: FramePlace): Promise<void> {
    const start = offset === SEGMENT_HEADER_BYTES ? 0 : offset;
    this.file.write(start, await this.file.read(start, offset + bytes - start));
    await this.file.sync();
  }

  /** The segment stays until it is unpinned as often. */
  pin(): void {
    this.#readers++;
  }

  unpin(): void {
    this.#readers--;
  }

  /** The payload of a frame. Rejects with DATA_LOSS. */
  async read({ offset, bytes }: FramePlace): Promise<Uint8Array> {
    const frame = frameAt(await this.file.read(offset, bytes), 0, this.number);
    if (frame !== undefined) return frame.payload;
    throw damage(this.path, `frame at byte ${offset}: checksum mismatch`);
  }
}

const NAME_DIGITS = 10;

export function segmentName(number: number): string {
  return `${String(number).padStart(NAME_DIGITS, '0')}.seg`;
}

/** Undefined when the name is not a segment's. */
export function segmentNumber(name: string): number | undefined {
  return /^\d{10}\.seg$/.test(name) ? Number.parseInt(name, 10) : undefined;
}
