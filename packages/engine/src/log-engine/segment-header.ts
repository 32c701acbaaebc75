import { crc32 } from 'node:zlib';
import { ByteReader, ByteWriter, equalBytes } from '@tinykv/base';

/**
 * A segment: a header, then frames whose sequence is their own offset. Numbers are big-endian.
 *
 * ```text
 *   header    magic 8 | number u32 | bytes of the segment before u32 | dropped u32 | crc u32
 * ```
 * `dropped` is the last segment that was not needed any more when this one began.
 */
export const SEGMENT_HEADER_BYTES = 24;

const MAGIC = Uint8Array.from([0x74, 0x6b, 0x76, 0x64, 0x61, 0x74, 0x00, 0x01]);
const CRC_AT = SEGMENT_HEADER_BYTES - 4;

export interface SegmentHeader {
  readonly number: number;
  /** 0 when it is the first of all. */
  readonly previousBytes: number;
  readonly dropped: number;
}

export function encodeSegmentHeader(header: SegmentHeader): Uint8Array {
  const w = new ByteWriter(SEGMENT_HEADER_BYTES).raw(MAGIC);
  w.u32(header.number).u32(header.previousBytes).u32(header.dropped);
  return w.u32(crc32(w.finish())).finish();
}

/** Undefined when the bytes do not begin with one. */
export function decodeSegmentHeader(bytes: Uint8Array): SegmentHeader | undefined {
  if (bytes.length < SEGMENT_HEADER_BYTES) return undefined;
  const r = new ByteReader(bytes);
  if (!equalBytes(r.raw(MAGIC.length), MAGIC)) return undefined;
  const header = { number: r.u32(), previousBytes: r.u32(), dropped: r.u32() };
  return r.u32() === crc32(bytes.subarray(0, CRC_AT)) ? header : undefined;
}
