import { crc32 } from 'node:zlib';
import { ByteReader, ByteWriter, CodecError, equalBytes } from '@tinykv/base';
import { PackedRecords } from './packed-records.js';

/**
 * A hint: what stands in a segment, without the values, so that a start need not read those. Numbers without
 * a width are varints.
 *
 * ```text
 *   hint      magic 8 | segment u32 | bytes of the segment u32 | dropped u32 | entry … | crc u32
 *   entry     key bytes × 2, and 1 when it deletes | gap to the record before | bytes of the record | key
 * ```
 * It is written once its segment is durable, and is not synced itself: the segment says the same.
 */
const MAGIC = Uint8Array.from([0x74, 0x6b, 0x76, 0x68, 0x6e, 0x74, 0x00, 0x01]);
const SEGMENT_AT = MAGIC.length;
const HEADER_BYTES = SEGMENT_AT + 12;

/** Where a record stands in its segment. */
export interface PlacedRecord {
  readonly key: Uint8Array;
  readonly isDelete: boolean;
  readonly offset: number;
  readonly bytes: number;
}

export interface HintFacts {
  readonly segment: number;
  readonly segmentBytes: number;
  readonly dropped: number;
}

/** Gathers the hint of a segment while that is written. */
export class HintWriter {
  readonly #w = new ByteWriter();
  #end = 0;

  /** Goes on behind the records of another. */
  constructor(before?: PackedRecords) {
    if (before === undefined) {
      this.#w.raw(MAGIC).u32(0).u32(0).u32(0);
      return;
    }
    this.#w.raw(before.body);
    this.#end = before.end;
  }

  add({ key, isDelete, offset, bytes }: PlacedRecord): void {
    this.#w.varint(key.length * 2 + (isDelete ? 1 : 0));
    this.#w
      .varint(offset - this.#end)
      .varint(bytes)
      .raw(key);
    this.#end = offset + bytes;
  }

  /** The gathered bytes, in memory of its own. */
  records(): PackedRecords {
    return new PackedRecords(this.#w.finish().slice(), HEADER_BYTES);
  }

  /** Ends it. */
  finish({ segment, segmentBytes, dropped }: HintFacts): Uint8Array {
    const w = this.#w;
    w.patchU32(SEGMENT_AT, segment).patchU32(SEGMENT_AT + 4, segmentBytes);
    w.patchU32(SEGMENT_AT + 8, dropped);
    return w.u32(crc32(w.finish())).finish();
  }
}

export interface Hint extends HintFacts {
  readonly records: PackedRecords;
}

/** Undefined unless all of it is there and right. */
export function decodeHint(bytes: Uint8Array): Hint | undefined {
  const end = bytes.length - 4;
  if (end < HEADER_BYTES) return undefined;
  if (new ByteReader(bytes.subarray(end)).u32() !== crc32(bytes.subarray(0, end))) return undefined;
  try {
    return readHint(bytes.subarray(0, end));
  } catch (error) {
    if (error instanceof CodecError) return undefined;
    throw error;
  }
}

function readHint(bytes: Uint8Array): Hint | undefined {
  const r = new ByteReader(bytes);
  if (!equalBytes(r.raw(MAGIC.length), MAGIC)) return undefined;
  const facts = { segment: r.u32(), segmentBytes: r.u32(), dropped: r.u32() };
  return { ...facts, records: new PackedRecords(bytes, HEADER_BYTES) };
}
