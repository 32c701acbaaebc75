import { CodecError } from '@tinykv/base';
import { damage } from '../damage.js';
import { FRAME_HEADER_BYTES, flippedByte, frameAt, laterFrame } from '../frame-format.js';
import type { DataSegment } from './data-segment.js';
import type { HintFiles } from './hint-files.js';
import { decodeHint, type Hint, HintWriter } from './hint-format.js';
import type { PackedRecords } from './packed-records.js';
import { type FrameFacts, readFacts, readRecords } from './record-format.js';
import { SEGMENT_HEADER_BYTES } from './segment-header.js';

/** What a segment holds. */
export interface SegmentContent {
  readonly records: PackedRecords;
  /** The highest that its frames say; 0 when they say none. */
  readonly dropped: number;
  /** The bytes from the start that a sync is known to have covered. */
  readonly durable: number;
  /** Where its frames end. */
  readonly end: number;
  readonly isFromHint: boolean;
}

/** Of a segment with another behind it, all of which must be right. Throws DATA_LOSS. */
export async function sealedContent(
  hints: HintFiles,
  segment: DataSegment,
): Promise<SegmentContent> {
  const hint = await readHint(hints, segment);
  if (hint?.segmentBytes === segment.end) return fromHint(hint);
  const bytes = segment.read(0, segment.end);
  const content = scan(segment, bytes);
  if (content.end < bytes.length) throw badFrame(segment, bytes, content.end);
  return content;
}

/** Of the last segment, whose end a crash may have cut off or left in pieces. Throws DATA_LOSS. */
export async function lastContent(hints: HintFiles, segment: DataSegment): Promise<SegmentContent> {
  const hint = await readHint(hints, segment);
  const promised = hint?.segmentBytes ?? 0;
  if (promised > segment.end) {
    throw damage(segment.path, `it has ${segment.end} bytes, its hint tells of ${promised}`);
  }
  if (hint !== undefined && promised === segment.end) return fromHint(hint);
  const bytes = segment.read(0, segment.end);
  const content = scan(segment, bytes);
  if (content.end < bytes.length) checkTail(segment, bytes, content.end, promised);
  return content;
}

async function readHint(hints: HintFiles, { number }: DataSegment): Promise<Hint | undefined> {
  const bytes = await hints.read(number);
  const hint = bytes && decodeHint(bytes);
  return hint?.segment === number ? hint : undefined;
}

function fromHint({ records, dropped, segmentBytes: end }: Hint): SegmentContent {
  return { records, dropped, durable: end, end, isFromHint: true };
}

/** Frames up to the first that is not right. */
function scan(segment: DataSegment, bytes: Uint8Array): SegmentContent {
  const hint = new HintWriter();
  let dropped = 0;
  let durable = 0;
  let at = SEGMENT_HEADER_BYTES;
  for (;;) {
    const frame = frameAt(bytes, at, segment.number);
    if (frame === undefined || frame.sequence !== at) break;
    const facts = factsOf(segment, at, frame.payload);
    dropped = Math.max(dropped, facts.dropped);
    durable = Math.max(durable, facts.durable);
    const payloadAt = at + FRAME_HEADER_BYTES;
    for (const { key, isDelete, offset, bytes: size } of recordsOf(segment, at, frame.payload)) {
      hint.add({ key, isDelete, offset: payloadAt + offset, bytes: size });
    }
    at = frame.end;
  }
  return { records: hint.records(), dropped, durable, end: at, isFromHint: false };
}

function recordsOf(segment: DataSegment, at: number, payload: Uint8Array) {
  return decoded(segment, at, () => [...readRecords(payload)]);
}

function factsOf(segment: DataSegment, at: number, payload: Uint8Array): FrameFacts {
  return decoded(segment, at, () => readFacts(payload));
}

function decoded<T>(segment: DataSegment, at: number, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    throw damage(segment.path, `frame at byte ${at}`, error);
  }
}

/**
 * What stands behind the last good frame is what a crash left of writes that no sync had covered, unless a
 * frame behind it, or the hint, says that a sync had; or unless one flipped bit explains it.
 */
function checkTail(segment: DataSegment, bytes: Uint8Array, end: number, promised: number): void {
  const isSynced = promised > end || laterDurable(segment, bytes, end) > end;
  const isFlipped = flippedByte(bytes, end, segment.number) !== undefined;
  if (isSynced || isFlipped) throw badFrame(segment, bytes, end);
}

/** The most that a frame behind `end` says to be durable. */
function laterDurable(segment: DataSegment, bytes: Uint8Array, end: number): number {
  const { number } = segment;
  let durable = 0;
  for (let at = laterFrame(bytes, end + 1, number, end); at !== undefined; ) {
    const frame = frameAt(bytes, at, number);
    // A value may hold the frames of a segment, but not where they are in this one.
    if (frame?.sequence === at) {
      durable = Math.max(durable, factsOf(segment, at, frame.payload).durable);
    }
    at = laterFrame(bytes, at + 1, number, end);
  }
  return durable;
}

function badFrame({ path, number }: DataSegment, bytes: Uint8Array, at: number): Error {
  const flipped = flippedByte(bytes, at, number);
  const why = flipped === undefined ? 'checksum mismatch' : `one bit of byte ${flipped} is flipped`;
  return damage(path, `frame at byte ${at}: ${why}`);
}
