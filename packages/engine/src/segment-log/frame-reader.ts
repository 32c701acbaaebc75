import { EMPTY_BYTES } from '@tinykv/base';
import { FRAME_HEADER_BYTES, type Frame, frameAt, frameEnd } from '../frame-format.js';
import type { FramePlace, Segment } from './segment.js';
import { SEGMENT_HEADER_BYTES } from './segment-header.js';

/** A frame that was read, and where it stands. */
export interface PlacedFrame {
  readonly place: FramePlace;
  readonly frame: Frame;
}

/** Told of a frame that does not match its checksum; answers where to go on. */
export type SkipDamaged = (offset: number, end: number | undefined) => number;

/**
 * Reads the frames of a segment that is not written to any more, in order. Each byte is read once, and each
 * call reads no more than it is told; a frame that is longer than that comes with a later call.
 */
export class FrameReader {
  readonly segment: Segment;
  readonly #skipDamaged: SkipDamaged;
  #buffer: Uint8Array = EMPTY_BYTES;
  /** What the buffer holds: bytes of the file from `#offset` on, of which `#used` were given out before. */
  #offset = SEGMENT_HEADER_BYTES;
  #held = 0;
  #used = 0;

  constructor(segment: Segment, skipDamaged: SkipDamaged) {
    this.segment = segment;
    this.#skipDamaged = skipDamaged;
  }

  /** Every frame has been given out. */
  get isDone(): boolean {
    return this.#offset + this.#used >= this.segment.end;
  }

  /** The next frames, whose payloads are valid until the next call. Rejects when the file cannot be read. */
  async next(maxBytes: number): Promise<PlacedFrame[]> {
    await this.#fill(maxBytes);
    const frames: PlacedFrame[] = [];
    while (!this.isDone && !this.#waitsForMore()) {
      const at = this.#used;
      const offset = this.#offset + at;
      const held = this.#buffer.subarray(0, this.#held);
      const frame = frameAt(held, at, this.segment.number);
      if (frame === undefined) this.#pass(offset, frameEnd(held, at));
      else {
        frames.push({ place: { offset, bytes: frame.end - at }, frame });
        this.#used = frame.end;
      }
    }
    return frames;
  }

  /** The next frame is not all there yet. */
  #waitsForMore(): boolean {
    if (this.#offset + this.#held >= this.segment.end) return false;
    if (this.#held - this.#used < FRAME_HEADER_BYTES) return true;
    const end = frameEnd(this.#buffer.subarray(0, this.#held), this.#used);
    return end !== undefined && end > this.#held;
  }

  /** Passes by a damaged frame. */
  #pass(offset: number, end: number | undefined): void {
    this.#goTo(this.#skipDamaged(offset, end === undefined ? undefined : this.#offset + end));
  }

  /** Continues at this offset, which may lie behind what is held. */
  #goTo(offset: number): void {
    this.#used = offset - this.#offset;
    if (this.#used <= this.#held) return;
    this.#offset = offset;
    this.#held = 0;
    this.#used = 0;
  }

  async #fill(maxBytes: number): Promise<void> {
    if (this.#used > 0) this.#buffer.copyWithin(0, this.#used, this.#held);
    this.#offset += this.#used;
    this.#held -= this.#used;
    this.#used = 0;
    const from = this.#offset + this.#held;
    const length = Math.min(maxBytes, this.segment.end - from);
    if (length <= 0) return;
    const chunk = await this.segment.file.read(from, length);
    if (this.#held + chunk.length > this.#buffer.length) {
      const pending = frameEnd(this.#buffer.subarray(0, this.#held), 0) ?? 0;
      const grown = new Uint8Array(Math.max(pending, this.#held + chunk.length));
      grown.set(this.#buffer.subarray(0, this.#held));
      this.#buffer = grown;
    }
    this.#buffer.set(chunk, this.#held);
    this.#held += chunk.length;
  }
}
