import { crc32 } from 'node:zlib';
import { ByteReader, type ByteWriter, crc32FlippedBit, type FlippedBitPlace } from '@tinykv/base';

/**
 * A frame: bytes of a log file that are written at once, and are all there or are not at all. Numbers are
 * big-endian.
 *
 * ```text
 *   frame     crc u32 | number of its segment u32 | sequence u64 | payload bytes u32 | body crc u32 | body
 *   body      payload | zeros up to a multiple of 8 | end mark u64
 * ```
 * The first checksum covers the rest of the header. A frame names its segment, and a sequence that its log
 * chooses, so what a file held before, or what a value holds, never passes for a frame. The end mark is another for
 * each frame and lies within one sector: a write whose end is missing differs from the frame in many
 * bits, also where zeros end it.
 */
export const FRAME_HEADER_BYTES = 24;
const END_MARK_BYTES = 8;

/** Begins a frame: the header is filled in by {@link sealFrame}. */
export function beginFrame(w: ByteWriter): void {
  w.reset().u32(0).u32(0).u64(0).u32(0).u32(0);
}

/** Ends the frame that makes up all of `w`, and fills in its header; a view. */
export function sealFrame(w: ByteWriter, segment: number, sequence: number): Uint8Array {
  const payloadBytes = w.length - FRAME_HEADER_BYTES;
  while (w.length % 8 !== 0) w.u8(0);
  w.u32(scatter(sequence)).u32(scatter(segment ^ sequence));
  w.patchU32(4, segment);
  w.patchU32(8, Math.floor(sequence / 2 ** 32));
  w.patchU32(12, sequence % 2 ** 32);
  w.patchU32(16, payloadBytes);
  const frame = w.finish();
  w.patchU32(20, crc32(frame.subarray(FRAME_HEADER_BYTES)));
  w.patchU32(0, crc32(frame.subarray(4, FRAME_HEADER_BYTES)));
  return frame;
}

/** What a frame comes to whose header and payload take `bytes`. */
export function sealedBytes(bytes: number): number {
  return Math.ceil(bytes / 8) * 8 + END_MARK_BYTES;
}

/** Numbers that follow each other come to values that differ in many bits (a step of MurmurHash3). */
function scatter(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

export interface Frame {
  readonly sequence: number;
  /** A view. */
  readonly payload: Uint8Array;
  /** Where the next begins. */
  readonly end: number;
}

/** The frame of this segment at `at`; undefined unless all of it is there and right. */
export function frameAt(bytes: Uint8Array, at: number, segment: number): Frame | undefined {
  const header = headerAt(bytes, at);
  if (header === undefined || header.crc !== header.actualCrc || header.segment !== segment) {
    return undefined;
  }
  const { sequence, payloadBytes, end } = header;
  const start = at + FRAME_HEADER_BYTES;
  if (end > bytes.length || crc32(bytes.subarray(start, end)) !== header.bodyCrc) return undefined;
  return { sequence, payload: bytes.subarray(start, start + payloadBytes), end };
}

/** Where the frame that begins at `at` ends, by its header alone; undefined when that is not right. */
export function frameEnd(bytes: Uint8Array, at: number): number | undefined {
  const header = headerAt(bytes, at);
  return header === undefined || header.crc !== header.actualCrc ? undefined : header.end;
}

interface FrameHeader {
  readonly crc: number;
  readonly actualCrc: number;
  readonly segment: number;
  readonly sequence: number;
  readonly payloadBytes: number;
  readonly bodyCrc: number;
  readonly end: number;
}

function headerAt(bytes: Uint8Array, at: number): FrameHeader | undefined {
  if (at + FRAME_HEADER_BYTES > bytes.length) return undefined;
  const r = new ByteReader(bytes.subarray(at, at + FRAME_HEADER_BYTES));
  const crc = r.u32();
  const segment = r.u32();
  const sequence = r.u32() * 2 ** 32 + r.u32();
  const payloadBytes = r.u32();
  return {
    crc,
    actualCrc: crc32(bytes.subarray(at + 4, at + FRAME_HEADER_BYTES)),
    segment,
    sequence,
    payloadBytes,
    bodyCrc: r.u32(),
    end: at + sealedBytes(FRAME_HEADER_BYTES + payloadBytes),
  };
}

/**
 * The byte of which one flipped bit makes what stands at `at` a frame of this segment; undefined when there is
 * none. A write that was cut short differs in many bits from what was to be written, so such a bit tells
 * decay from a crash.
 *
 * A checksum of 32 bits takes one in 128 of all differences in a frame of 4 MiB for a single bit. So a bit
 * counts only where the end mark is right once the bit is put right: a write that was cut short has none.
 */
export function flippedByte(bytes: Uint8Array, at: number, segment: number): number | undefined {
  const header = headerAt(bytes, at);
  if (header === undefined) return undefined;
  if (header.crc !== header.actualCrc) return flippedHeaderByte(bytes, at, segment, header);
  if (header.segment !== segment || header.end > bytes.length) return undefined;
  const body = bytes.subarray(at + FRAME_HEADER_BYTES, header.end);
  const found = crc32FlippedBit(body.length, header.bodyCrc ^ crc32(body));
  if (found === undefined || !hasEndMark(body, header, found)) return undefined;
  return at + FRAME_HEADER_BYTES + found.byte;
}

/** Whether the end mark is that of the frame, but for the flipped bit if it lies there. */
function hasEndMark(
  body: Uint8Array,
  { segment, sequence }: FrameHeader,
  flipped: FlippedBitPlace,
): boolean {
  const mark = body.slice(-END_MARK_BYTES);
  const inMark = flipped.byte - (body.length - END_MARK_BYTES);
  if (inMark >= 0) mark[inMark]! ^= 1 << flipped.bit;
  const r = new ByteReader(mark);
  return r.u32() === scatter(sequence) && r.u32() === scatter(segment ^ sequence);
}

function flippedHeaderByte(
  bytes: Uint8Array,
  at: number,
  segment: number,
  { crc, actualCrc }: FrameHeader,
): number | undefined {
  const difference = (crc ^ actualCrc) >>> 0;
  const inCrc = 31 - Math.clz32(difference);
  const place =
    difference === 2 ** inCrc
      ? { byte: 3 - (inCrc >> 3), bit: inCrc & 7 }
      : crc32FlippedBit(FRAME_HEADER_BYTES - 4, difference);
  if (place === undefined) return undefined;
  const byte = at + place.byte + (difference === 2 ** inCrc ? 0 : 4);
  bytes[byte]! ^= 1 << place.bit;
  // The other bits of the header are right, then; the payload says whether it is a frame at all.
  const isFrame = frameAt(bytes, at, segment) !== undefined;
  bytes[byte]! ^= 1 << place.bit;
  return isFrame ? byte : undefined;
}

/** Where a later frame of this segment begins, at or behind `from`; undefined when there is none. */
export function laterFrame(
  bytes: Uint8Array,
  from: number,
  segment: number,
  sequence: number,
): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = from; at + FRAME_HEADER_BYTES <= bytes.length; at++) {
    if (view.getUint32(at + 4) !== segment) continue;
    const found = frameAt(bytes, at, segment);
    if (found !== undefined && found.sequence > sequence) return at;
  }
  return undefined;
}
