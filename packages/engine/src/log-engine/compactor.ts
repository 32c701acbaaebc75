import { damage } from '../damage.js';
import { FRAME_HEADER_BYTES, frameAt, frameEnd } from '../frame-format.js';
import type { KeyDirectory } from './key-directory.js';
import { LogBatch } from './log-batch.js';
import { readRecords } from './record-format.js';
import { SEGMENT_HEADER_BYTES } from './segment-header.js';
import type { SegmentSet } from './segment-set.js';

/** What one step reads, unless a single frame is longer. */
const STEP_BYTES_MAX = 262_144;
/** Files may take this many segments more than twice what is live. */
const SLACK_SEGMENTS = 4;
/** The same when space is asked back: little is written to segments that hold hardly anything. */
const RECLAIM_SLACK_SEGMENTS = 1;

/**
 * Gives space back, always from the old end: what is live in the oldest segment is written again behind all else,
 * and then the segment goes. So a deletion never outlives, nor falls behind, what it deletes: when its
 * segment is the oldest, nothing that is older is left. Since it begins only when more than half of the files is garbage,
 * a byte is copied about once for each byte of garbage that goes.
 */
export class Compactor {
  readonly #segments: SegmentSet;
  readonly #directory: KeyDirectory;
  readonly #write: (batch: LogBatch) => Promise<void>;
  readonly #stepBytes: number;
  /** What lies before it in the oldest segment has been looked at. */
  #at = SEGMENT_HEADER_BYTES;

  constructor(
    segments: SegmentSet,
    directory: KeyDirectory,
    write: (batch: LogBatch) => Promise<void>,
  ) {
    this.#segments = segments;
    this.#directory = directory;
    this.#write = write;
    this.#stepBytes = Math.min(STEP_BYTES_MAX, segments.segmentBytes >>> 2);
  }

  /** Looks at least at as many bytes as are given, while there is too much garbage. Rejects with DATA_LOSS. */
  async work(bytes: number): Promise<void> {
    for (let left = bytes; left > 0 && this.#isDue(SLACK_SEGMENTS); left -= this.#stepBytes)
      await this.#step();
  }

  /** Whether space that is asked back can be given. */
  get canReclaim(): boolean {
    return this.#isDue(RECLAIM_SLACK_SEGMENTS);
  }

  /** Takes one step towards it; returns about how many bytes it looked at. Rejects with DATA_LOSS. */
  async reclaim(): Promise<number> {
    if (this.canReclaim) await this.#step();
    return this.#stepBytes;
  }

  #isDue(slackSegments: number): boolean {
    const { bytes, segmentBytes, count } = this.#segments;
    const allowed = 2 * this.#directory.liveBytes + slackSegments * segmentBytes;
    return count > 1 && bytes > allowed;
  }

  async #step(): Promise<void> {
    const { oldest } = this.#segments;
    if (oldest.liveBytes === 0) {
      await this.#segments.dropOldest();
      this.#at = SEGMENT_HEADER_BYTES;
      return;
    }
    const batch = new LogBatch();
    const end = this.#gather(batch);
    if (batch.count > 0) await this.#write(batch);
    // Only now: when the disk is full, the same frames come again.
    this.#at = end;
  }

  /** Takes the live records of the next frames; returns where those end. */
  #gather(batch: LogBatch): number {
    const { oldest } = this.#segments;
    const from = this.#at;
    const window = oldest.read(from, this.#windowBytes(from));
    let at = 0;
    for (;;) {
      const frame = frameAt(window, at, oldest.number);
      if (frame === undefined || frame.sequence !== from + at) break;
      const payloadAt = at + FRAME_HEADER_BYTES;
      for (const { key, offset, bytes } of readRecords(frame.payload)) {
        const place = this.#directory.get(key);
        const start = payloadAt + offset;
        if (place?.segment !== oldest || place.offset !== from + start) continue;
        batch.copy(key, window.subarray(start, start + bytes));
      }
      at = frame.end;
    }
    if (at > 0) return from + at;
    throw damage(oldest.path, `frame at byte ${from}: checksum mismatch`);
  }

  #windowBytes(from: number): number {
    const { oldest } = this.#segments;
    const rest = oldest.end - from;
    if (rest <= this.#stepBytes) return rest;
    const header = oldest.read(from, FRAME_HEADER_BYTES);
    return Math.min(rest, Math.max(this.#stepBytes, frameEnd(header, 0) ?? 0));
  }
}
