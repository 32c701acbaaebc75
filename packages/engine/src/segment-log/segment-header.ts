import { crc32 } from 'node:zlib';
import { ByteReader, ByteWriter, equalBytes } from '@tinykv/base';

/**
 * A segment: a header, then frames, each of which is one append; their sequences count all appends of the log.
 * Numbers are big-endian.
 *
 * ```text
 *   header    magic 8 | number u32 | bytes of the file u32 | sequence of its first frame u64 | zero u32 | crc u32
 * ```
 */
export const SEGMENT_HEADER_BYTES = 32;

const MAGIC = Uint8Array.from([0x74, 0x6b, 0x76, 0x6c, 0x6f, 0x67, 0x00, 0x01]);
/** Of a segment's header. */
const CRC_AT = SEGMENT_HEADER_BYTES - 4;

export interface SegmentHeader {
  readonly number: number;
  readonly fileBytes: number;
  readonly firstSequence: number;
}

export function encodeSegmentHeader({
  number,
  fileBytes,
  firstSequence,
}: SegmentHeader): Uint8Array {
  const w = new ByteWriter(SEGMENT_HEADER_BYTES).raw(MAGIC);
  w.u32(number).u32(fileBytes).u64(firstSequence).u32(0);
  return w.u32(crc32(w.finish())).finish();
}

/** Undefined when the bytes do not begin with one. */
export function decodeSegmentHeader(bytes: Uint8Array): SegmentHeader | undefined {
  if (bytes.length < SEGMENT_HEADER_BYTES) return undefined;
  const r = new ByteReader(bytes.subarray(0, SEGMENT_HEADER_BYTES));
  if (!equalBytes(r.raw(MAGIC.length), MAGIC)) return undefined;
  const number = r.u32();
  const fileBytes = r.u32();
  const firstSequence = r.u32() * 2 ** 32 + r.u32();
  r.u32();
  const isWhole = r.u32() === crc32(bytes.subarray(0, CRC_AT));
  return isWhole ? { number, fileBytes, firstSequence } : undefined;
}
