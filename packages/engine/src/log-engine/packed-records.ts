import { ByteReader } from '@tinykv/base';

/** The fields of one record: where its key begins, its length × 2 and 1 when it deletes, where the record stands, its bytes. */
const WORDS = 4;
const KEY_AT = 0;
const HEAD = 1;
const OFFSET = 2;
const BYTES = 3;

/** Bytes of an entry of a hint, at least. */
const ENTRY_BYTES_MIN = 3;

/**
 * The records of a segment as its hint has them, in the order in which they stand in the segment: 16 bytes for each,
 * and no object.
 */
export class PackedRecords {
  /** Everything before the entries too. */
  readonly body: Uint8Array;
  readonly #rows: Uint32Array;
  readonly count: number;
  /** Where the last record ends in the segment. */
  readonly end: number;

  /** Throws CodecError. */
  constructor(body: Uint8Array, entriesAt: number) {
    this.body = body;
    const r = new ByteReader(body);
    r.raw(entriesAt);
    let rows = new Uint32Array(Math.ceil(r.remaining / (4 * ENTRY_BYTES_MIN)) * WORDS);
    let at = 0;
    let end = 0;
    while (r.remaining > 0) {
      if (at === rows.length) rows = grown(rows);
      const head = r.varint();
      const offset = end + r.varint();
      const bytes = r.varint();
      rows[at + KEY_AT] = r.offset;
      rows[at + HEAD] = head;
      rows[at + OFFSET] = offset;
      rows[at + BYTES] = bytes;
      r.raw(head >>> 1);
      end = offset + bytes;
      at += WORDS;
    }
    this.#rows = rows;
    this.count = at / WORDS;
    this.end = end;
  }

  /** A view. */
  key(record: number): Uint8Array {
    const at = this.#rows[record * WORDS + KEY_AT]!;
    return this.body.subarray(at, at + (this.#rows[record * WORDS + HEAD]! >>> 1));
  }

  isDelete(record: number): boolean {
    return (this.#rows[record * WORDS + HEAD]! & 1) === 1;
  }

  offset(record: number): number {
    return this.#rows[record * WORDS + OFFSET]!;
  }

  bytes(record: number): number {
    return this.#rows[record * WORDS + BYTES]!;
  }

  /** Compares the keys of two records. */
  compare(record: number, other: PackedRecords, otherRecord: number): number {
    const a = record * WORDS;
    const b = otherRecord * WORDS;
    const aAt = this.#rows[a + KEY_AT]!;
    const bAt = other.#rows[b + KEY_AT]!;
    const aLength = this.#rows[a + HEAD]! >>> 1;
    const bLength = other.#rows[b + HEAD]! >>> 1;
    const length = Math.min(aLength, bLength);
    for (let i = 0; i < length; i++) {
      const d = this.body[aAt + i]! - other.body[bAt + i]!;
      if (d !== 0) return d;
    }
    return aLength - bLength;
  }
}

function grown(rows: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(Math.max(64, 2 * rows.length));
  larger.set(rows);
  return larger;
}
