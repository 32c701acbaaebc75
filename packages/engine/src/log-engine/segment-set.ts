import { assert, ByteWriter } from '@tinykv/base';
import { sealedBytes, sealFrame } from '../frame-format.js';
import { DataSegment, segmentName } from './data-segment.js';
import type { EngineFiles } from './engine-files.js';
import type { HintFiles } from './hint-files.js';
import { HintWriter, type PlacedRecord } from './hint-format.js';
import { beginBatch, patchFacts } from './record-format.js';
import { SegmentPins } from './segment-pins.js';

/** The segments of an engine in order; the last takes what is written. */
export class SegmentSet {
  readonly segmentBytes: number;
  readonly pins: SegmentPins = new SegmentPins();
  /** Invariant: their numbers follow each other, from `dropped + 1` on. */
  readonly #segments: DataSegment[];
  readonly #files: EngineFiles;
  #dropped: number;
  /** Of all segments but the active one. */
  #sealedBytes: number;
  readonly #hints: HintFiles;
  /** Of the active segment. */
  #hint: HintWriter;

  constructor(
    files: EngineFiles,
    segmentBytes: number,
    found: {
      readonly segments: DataSegment[];
      readonly dropped: number;
      readonly hints: HintFiles;
      readonly hint: HintWriter;
    },
  ) {
    this.#files = files;
    this.segmentBytes = segmentBytes;
    this.#segments = found.segments;
    this.#dropped = found.dropped;
    this.#hints = found.hints;
    this.#hint = found.hint;
    this.#sealedBytes = found.segments.slice(0, -1).reduce((sum, { end }) => sum + end, 0);
    this.#checkInvariants();
  }

  get count(): number {
    return this.#segments.length;
  }

  get bytes(): number {
    return this.#sealedBytes + this.active.end;
  }

  get oldest(): DataSegment {
    return this.#segments[0]!;
  }

  get active(): DataSegment {
    return this.#segments.at(-1)!;
  }

  /** Begins another segment first when the active one has no room for a frame of so many bytes. */
  async makeRoom(frame: ByteWriter): Promise<void> {
    const { active } = this;
    const isFull = active.end + sealedBytes(frame.length) > this.segmentBytes;
    if (isFull && !active.isEmpty) await this.#rotate();
  }

  /** Seals the frame and writes it behind all others; returns where it begins. */
  append(frame: ByteWriter): number {
    return this.#write(frame, this.#dropped);
  }

  /** Has the record, whose offset is that in the active segment, in the hint of that. */
  noteRecord(record: PlacedRecord): void {
    this.#hint.add(record);
  }

  /**
   * Gives the oldest segment up; all that was needed in it has been written again. What says so is durable
   * before the file goes: a folder whose first segment is not the one that it should be has lost some.
   */
  async dropOldest(): Promise<void> {
    const { oldest } = this;
    assert(this.count > 1, 'the active segment is never dropped');
    assert(oldest.liveBytes === 0, () => `${oldest.path} has ${oldest.liveBytes} live bytes`);
    const mark = new ByteWriter();
    beginBatch(mark);
    this.#write(mark, oldest.number);
    this.#dropped = oldest.number;
    await this.active.sync();
    await removeSegment(this.#files, this.#hints, oldest.number);
    this.#segments.shift();
    this.#sealedBytes -= oldest.end;
    this.pins.retire(oldest);
    this.#checkInvariants();
  }

  /** With a hint for the active segment, which must be durable. */
  async close(isHealthy: boolean): Promise<void> {
    if (isHealthy) await this.#writeHint();
    for (const segment of this.#segments) await segment.close();
    await this.pins.close();
  }

  #write(frame: ByteWriter, dropped: number): number {
    const { active } = this;
    patchFacts(frame, { durable: active.durable, dropped });
    return active.write(sealFrame(frame, active.number, active.end));
  }

  /** A segment is durable as a whole before there is another. */
  async #rotate(): Promise<void> {
    const full = this.active;
    await full.sync();
    const header = { number: full.number + 1, previousBytes: full.end, dropped: this.#dropped };
    const next = await DataSegment.create(this.#files, header);
    await this.#files.syncNames();
    await this.#writeHint();
    this.#segments.push(next);
    this.#sealedBytes += full.end;
    this.#hint = new HintWriter();
    this.#checkInvariants();
  }

  async #writeHint(): Promise<void> {
    const { number, end, durable } = this.active;
    assert(durable === end, () => `hint of segment ${number}: ${durable} of ${end} bytes durable`);
    const facts = { segment: number, segmentBytes: end, dropped: this.#dropped };
    await this.#hints.write(number, this.#hint.finish(facts));
  }

  #checkInvariants(): void {
    for (const [i, { number }] of this.#segments.entries()) {
      assert(number === this.#dropped + 1 + i, () => `segment ${number} at ${i}`);
    }
  }
}

export async function removeSegment(
  files: EngineFiles,
  hints: HintFiles,
  number: number,
): Promise<void> {
  // The hint first: one without its segment would look like a loss.
  await hints.remove(number);
  await files.remove(segmentName(number));
}
