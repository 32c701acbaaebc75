import { crc32c, crc32cFlippedBit } from '@tinykv/base';

/**
 * LevelDB's log files, its MANIFEST among them: blocks of 32 KiB, in which records stand one behind the
 * other. A batch is one record; what does not fit the rest of its block is cut into fragments.
 *
 * ```text
 *   crc u32 | length u16 | type u8 | payload           little-endian; the checksum covers type and payload
 *   the last 6 bytes of a block, or fewer, stay zero when no header fits them
 * ```
 */
export const BLOCK_BYTES = 32_768;
export const HEADER_BYTES = 7;

export const RECORD_TYPE = { full: 1, first: 2, middle: 3, last: 4 } as const;
export type RecordType = (typeof RECORD_TYPE)[keyof typeof RECORD_TYPE];

/** A whole record or fragment with a right checksum, by its place in its block. */
export interface PhysicalRecord {
  readonly type: RecordType;
  readonly at: number;
  readonly end: number;
}

/** Undefined unless all of a valid record stands at `at`. The last block of a file may be shorter. */
export function recordAt(block: Uint8Array, at: number): PhysicalRecord | undefined {
  const type = typeAt(block, at);
  if (type === undefined) return undefined;
  const end = endOf(at, lengthAt(block, at));
  if (end > block.length) return undefined;
  return storedCrc(block, at) === maskCrc(crc32c(block.subarray(at + 6, end)))
    ? { type, at, end }
    : undefined;
}

/** Undefined when there is no room for a header, or its type is none. */
export function typeAt(block: Uint8Array, at: number): RecordType | undefined {
  const type = block[at + HEADER_BYTES - 1];
  return type !== undefined && type >= RECORD_TYPE.full && type <= RECORD_TYPE.last
    ? (type as RecordType)
    : undefined;
}

/** Where the record at `at` ends if its length is right; maybe behind the end of the block. */
export function declaredEnd(block: Uint8Array, at: number): number {
  return endOf(at, lengthAt(block, at));
}

export interface FlippedBit {
  /** Within the block. */
  readonly byte: number;
  readonly bit: number;
}

/**
 * The one bit whose flip makes a valid record of an invalid one. A write that was cut short differs in many
 * bits from what was to be written, so such a bit tells decay from a crash. Every flip in a record is found:
 * in the length by trial (its checksum does not cover it), in the checksum as a difference of one bit, in
 * type and payload by the effect of each bit on the checksum.
 */
export function flippedBit(block: Uint8Array, at: number): FlippedBit | undefined {
  if (at + HEADER_BYTES > block.length) return undefined;
  const stored = storedCrc(block, at);
  const length = lengthAt(block, at);
  for (let bit = 0; typeAt(block, at) !== undefined && bit < 16; bit++) {
    const end = endOf(at, length ^ (1 << bit));
    if (end <= block.length && stored === maskCrc(crc32c(block.subarray(at + 6, end)))) {
      return { byte: at + 4 + (bit >> 3), bit: bit & 7 };
    }
  }
  const end = endOf(at, length);
  if (end > block.length) return undefined;
  const actual = crc32c(block.subarray(at + 6, end));
  const difference = (stored ^ maskCrc(actual)) >>> 0;
  const bit = 31 - Math.clz32(difference);
  if (difference === 2 ** bit) return { byte: at + (bit >> 3), bit: bit & 7 };
  const found = crc32cFlippedBit(length + 1, unmaskCrc(stored) ^ actual);
  return found === undefined ? undefined : { byte: at + 6 + found.byte, bit: found.bit };
}

const MASK_DELTA = 0xa282_ead8;

/** LevelDB stores checksums turned and shifted, so that a checksum over stored checksums is no trap. */
export function maskCrc(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + MASK_DELTA) >>> 0;
}

function unmaskCrc(masked: number): number {
  const turned = (masked - MASK_DELTA) >>> 0;
  return ((turned >>> 17) | (turned << 15)) >>> 0;
}

function storedCrc(block: Uint8Array, at: number): number {
  return (
    (block[at]! | (block[at + 1]! << 8) | (block[at + 2]! << 16) | (block[at + 3]! << 24)) >>> 0
  );
}

function lengthAt(block: Uint8Array, at: number): number {
  return block[at + 4]! | (block[at + 5]! << 8);
}

function endOf(at: number, length: number): number {
  return at + HEADER_BYTES + length;
}
