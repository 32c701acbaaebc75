import { ByteReader, CodecError, crc32 } from '@tinykv/base';
import { family } from './keys.js';
import { sealValue, unsealValue } from './mvcc-records.js';

/** The record under a raw key. */
export interface RawRecord {
  readonly value: Uint8Array;
  /** From when on the key counts as gone, in milliseconds of the scheduler's time; undefined: never. */
  readonly expiresAt: number | undefined;
}

/**
 * The checksum of a record that expires differs from that of any other by this: so records from before there were such
 * ones are read as they are, and a build that knows none calls the record damaged and never takes its end for a value.
 * No flipped bit of a value, however long, makes the one form into the other.
 */
const EXPIRING_MARK = 0x9d1e_c3b5;
const EXPIRY_BYTES = 8;
const CRC_BYTES = 4;

/** A value that expires: the value, when, and the marked checksum of the key and both. */
export function sealExpiring(key: Uint8Array, value: Uint8Array, expiresAt: number): Uint8Array {
  const end = value.length + EXPIRY_BYTES;
  const out = new Uint8Array(end + CRC_BYTES);
  const view = new DataView(out.buffer);
  out.set(value);
  view.setBigUint64(value.length, BigInt(expiresAt));
  view.setUint32(end, (crc32(out.subarray(0, end), crc32(key)) ^ EXPIRING_MARK) >>> 0);
  return out;
}

/** Reads a raw record of either form; the value is a view. Throws CodecError: the stored bytes are damaged. */
export function openRaw(key: Uint8Array, bytes: Uint8Array): RawRecord {
  const end = bytes.length - CRC_BYTES;
  if (end < 0) throw new CodecError(`record of ${bytes.length} bytes`);
  const body = bytes.subarray(0, end);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const difference = (view.getUint32(end) ^ crc32(body, crc32(key))) >>> 0;
  if (difference === 0) return { value: body, expiresAt: undefined };
  if (difference !== EXPIRING_MARK || end < EXPIRY_BYTES) {
    throw new CodecError('record checksum does not match');
  }
  const expiresAt = Number(view.getBigUint64(end - EXPIRY_BYTES));
  if (!Number.isSafeInteger(expiresAt)) throw new CodecError(`expiry ${expiresAt} is too large`);
  return { value: body.subarray(0, end - EXPIRY_BYTES), expiresAt };
}

/** Where the value ends of a record that never expires, which begins with it; -1: {@link openRaw} tells what the record is. */
export function plainRawEnd(key: Uint8Array, bytes: Uint8Array): number {
  const end = bytes.length - CRC_BYTES;
  if (end < 0) return -1;
  const stored =
    (bytes[end]! << 24) | (bytes[end + 1]! << 16) | (bytes[end + 2]! << 8) | bytes[end + 3]!;
  return crc32(bytes, crc32(key), end) === stored >>> 0 ? end : -1;
}

/** The record that names a raw key with a time to live for the collection. */
export function sealExpiry(key: Uint8Array, expiresAt: number): Uint8Array {
  const out = new Uint8Array(EXPIRY_BYTES);
  new DataView(out.buffer).setBigUint64(0, BigInt(expiresAt));
  return sealValue(key, out);
}

/** Inverse of {@link sealExpiry}. Throws CodecError. */
export function openExpiry(key: Uint8Array, bytes: Uint8Array): number {
  const r = new ByteReader(unsealValue(key, bytes));
  const expiresAt = Number(r.timestamp());
  r.end();
  if (!Number.isSafeInteger(expiresAt)) throw new CodecError(`expiry ${expiresAt} is too large`);
  return expiresAt;
}

/** Throws CodecError unless the bytes under a data key, of whatever family, are those that were written. */
export function checkRecord(key: Uint8Array, bytes: Uint8Array): void {
  if (key[0] === family.raw) openRaw(key, bytes);
  else unsealValue(key, bytes);
}
