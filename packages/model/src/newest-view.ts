import { assert, crc32, type Timestamp } from '@tinykv/base';
import { decodeNewest } from './mvcc-records.js';

/** A timestamp as two unsigned halves: to compare them costs less than to make a bigint of each record's. */
export interface SplitTs {
  readonly high: number;
  readonly low: number;
}

export function splitTs(ts: Timestamp): SplitTs {
  return { high: Number(ts >> 32n), low: Number(ts & 0xffff_ffffn) };
}

// As `encodeNewest` lays a record out, from its start: flags, otherTs; with a write its kind, flags, startTs, commitTs.
const WRITE_AT = 9;
const COMMIT_AT = WRITE_AT + 10;
const WRITE_END = WRITE_AT + 18;
const CRC_BYTES = 4;
/** `FLAG_WRITE` and `FLAG_SHORT_VALUE`; records with other flags are left to `decodeNewest`. */
const HAS_WRITE = 4;
const HAS_VALUE = 1;
const KIND_PUT = 0;
const KIND_LAST = 2;

/**
 * What a scan asks of a newest record, read in place: one view serves for all records of a scan, and none of them
 * becomes an object.
 */
export class NewestView {
  /** A Put or Delete is committed; all that follows speaks of it. */
  hasWrite = false;
  isPut = false;
  /** Where a short value lies in the record; -1: the value, if there is one, lies in the value family. */
  valueFrom = -1;
  valueTo = -1;
  #commitHigh = 0;
  #commitLow = 0;

  /** Reads the record under `key`. Throws CodecError exactly when `decodeNewest` does, and the same. */
  read(key: Uint8Array, bytes: Uint8Array): void {
    if (this.#tryRead(key, bytes)) return;
    decodeNewest(key, bytes);
    assert(false, () => `a newest record of ${bytes.length} bytes that only its decoder reads`);
  }

  /** Committed after the timestamp. */
  isAfter({ high, low }: SplitTs): boolean {
    return this.#commitHigh > high || (this.#commitHigh === high && this.#commitLow > low);
  }

  /** False: the record is damaged. */
  #tryRead(key: Uint8Array, bytes: Uint8Array): boolean {
    const end = bytes.length - CRC_BYTES;
    if (end < WRITE_AT || crc32(bytes, crc32(key), end) !== u32At(bytes, end)) return false;
    this.hasWrite = (bytes[0]! & HAS_WRITE) !== 0;
    this.isPut = false;
    this.valueFrom = -1;
    if (!this.hasWrite) return end === WRITE_AT;
    if (end < WRITE_END) return false;
    const kind = bytes[WRITE_AT]!;
    if (kind > KIND_LAST) return false;
    this.isPut = kind === KIND_PUT;
    this.#commitHigh = u32At(bytes, COMMIT_AT);
    this.#commitLow = u32At(bytes, COMMIT_AT + 4);
    if ((bytes[WRITE_AT + 1]! & HAS_VALUE) === 0) return end === WRITE_END;
    return this.#readValue(bytes, end);
  }

  /** A varint of at most eight bytes, and as many bytes up to the end. */
  #readValue(bytes: Uint8Array, end: number): boolean {
    let at = WRITE_END;
    let length = 0;
    for (let scale = 1; at < end; scale *= 0x80) {
      const byte = bytes[at++]!;
      length += (byte & 0x7f) * scale;
      if (byte >= 0x80) continue;
      this.valueFrom = at;
      this.valueTo = end;
      return end - at === length;
    }
    return false;
  }
}

function u32At(bytes: Uint8Array, at: number): number {
  const head = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
  return head >>> 0;
}
