import { ByteReader, ByteWriter, CodecError, crc32, type Timestamp } from '@tinykv/base';

/** Values up to this many bytes stand inside the record; longer ones in the value family. */
export const shortValueBytesMax = 1024;

export type LockKind = 'put' | 'delete' | 'lock' | 'pessimistic';
export type WriteKind = 'put' | 'delete' | 'lock';

/** A key's lock (Percolator §2.2): at most one transaction holds it. */
export interface LockRecord {
  readonly kind: LockKind;
  readonly primary: Uint8Array;
  readonly startTs: Timestamp;
  /** Milliseconds from the physical part of startTs. */
  readonly ttlMs: number;
  readonly forUpdateTs: Timestamp;
  readonly minCommitTs: Timestamp;
  /** Async commit: the transaction's other keys on the primary, none on the others. Undefined: not async commit. */
  readonly secondaries: readonly Uint8Array[] | undefined;
  /** Undefined for kinds without a value and for a value in the value family. */
  readonly shortValue: Uint8Array | undefined;
}

/** A committed change of a key; `shortValue` is undefined for other kinds than put and for long values. */
export interface WriteRecord {
  readonly kind: WriteKind;
  readonly startTs: Timestamp;
  readonly commitTs: Timestamp;
  readonly shortValue: Uint8Array | undefined;
}

/**
 * The one record under `k`: the newest committed Put or Delete, if any, and `otherTs`, the highest
 * timestamp of any rollback or Lock-kind commit of the key. Both only grow.
 */
export interface NewestRecord {
  readonly write: WriteRecord | undefined;
  readonly otherTs: Timestamp;
}

const lockKinds: readonly LockKind[] = ['put', 'delete', 'lock', 'pessimistic'];
const writeKinds: readonly WriteKind[] = ['put', 'delete', 'lock'];

const CHECKSUM_BYTES = 4;
/** Of a write record, before its value: kind, flags, two timestamps. */
const WRITE_HEAD_BYTES = 18;
/** Of a newest record, before its write: flags, a timestamp. */
const NEWEST_HEAD_BYTES = 9;

const FLAG_SHORT_VALUE = 1;
const FLAG_SECONDARIES = 2;
const FLAG_WRITE = 4;

/**
 * Every stored record ends in a CRC-32 of its key and its bytes: the engine does not verify what it
 * reads, and a record must never be taken for that of another key.
 */
function seal(key: Uint8Array, w: ByteWriter): Uint8Array {
  const body = w.finish();
  const crc = crc32(body, crc32(key));
  const sealed = w.u32(crc).finish();
  // A writer that was made for these bytes holds nothing else.
  return sealed.length === sealed.buffer.byteLength ? sealed : sealed.slice();
}

function storedChecksum(bytes: Uint8Array): number {
  const at = bytes.length - CHECKSUM_BYTES;
  const high = (bytes[at]! << 24) | (bytes[at + 1]! << 16);
  return (high | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

/** Strips and checks the CRC. Throws CodecError: the stored bytes are damaged. */
function unseal(key: Uint8Array, bytes: Uint8Array): ByteReader {
  if (bytes.length < CHECKSUM_BYTES) throw new CodecError(`record of ${bytes.length} bytes`);
  const body = bytes.subarray(0, bytes.length - CHECKSUM_BYTES);
  if (crc32(body, crc32(key)) !== storedChecksum(bytes))
    throw new CodecError('record checksum does not match');
  return new ByteReader(body);
}

/** Any bytes under a data key: raw values that never expire, long values. */
export function sealValue(key: Uint8Array, value: Uint8Array): Uint8Array {
  const out = new Uint8Array(value.length + 4);
  out.set(value);
  new DataView(out.buffer).setUint32(value.length, crc32(value, crc32(key)));
  return out;
}

/** Inverse of {@link sealValue}. Throws CodecError. */
export function unsealValue(key: Uint8Array, bytes: Uint8Array): Uint8Array {
  return unseal(key, bytes).rest();
}

export function encodeLock(key: Uint8Array, lock: LockRecord): Uint8Array {
  const w = new ByteWriter(64 + lock.primary.length + (lock.shortValue?.length ?? 0));
  w.u8(lockKinds.indexOf(lock.kind));
  w.u8(
    (lock.shortValue === undefined ? 0 : FLAG_SHORT_VALUE) |
      (lock.secondaries === undefined ? 0 : FLAG_SECONDARIES),
  );
  w.timestamp(lock.startTs).varint(lock.ttlMs);
  w.timestamp(lock.forUpdateTs).timestamp(lock.minCommitTs).bytes(lock.primary);
  if (lock.secondaries !== undefined) {
    w.varint(lock.secondaries.length);
    for (const secondary of lock.secondaries) w.bytes(secondary);
  }
  if (lock.shortValue !== undefined) w.bytes(lock.shortValue);
  return seal(key, w);
}

export function decodeLock(key: Uint8Array, bytes: Uint8Array): LockRecord {
  const r = unseal(key, bytes);
  const kind = lockKinds[r.u8()];
  if (kind === undefined) throw new CodecError('lock kind is unknown');
  const flags = r.u8();
  const startTs = r.timestamp();
  const ttlMs = r.varint();
  const forUpdateTs = r.timestamp();
  const minCommitTs = r.timestamp();
  const primary = r.bytes();
  let secondaries: Uint8Array[] | undefined;
  if (flags & FLAG_SECONDARIES) {
    secondaries = [];
    for (let n = r.varint(); n > 0; n--) secondaries.push(r.bytes());
  }
  const shortValue = flags & FLAG_SHORT_VALUE ? r.bytes() : undefined;
  r.end();
  return { kind, primary, startTs, ttlMs, forUpdateTs, minCommitTs, secondaries, shortValue };
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes += 1;
  return bytes;
}

/** Exactly what {@link putWrite} adds. */
function writeBytes({ shortValue }: WriteRecord): number {
  if (shortValue === undefined) return WRITE_HEAD_BYTES;
  return WRITE_HEAD_BYTES + varintBytes(shortValue.length) + shortValue.length;
}

function putWrite(w: ByteWriter, write: WriteRecord): void {
  w.u8(writeKinds.indexOf(write.kind));
  w.u8(write.shortValue === undefined ? 0 : FLAG_SHORT_VALUE);
  w.timestamp(write.startTs).timestamp(write.commitTs);
  if (write.shortValue !== undefined) w.bytes(write.shortValue);
}

function readWrite(r: ByteReader): WriteRecord {
  const kind = writeKinds[r.u8()];
  if (kind === undefined) throw new CodecError('write kind is unknown');
  const flags = r.u8();
  const startTs = r.timestamp();
  const commitTs = r.timestamp();
  const shortValue = flags & FLAG_SHORT_VALUE ? r.bytes() : undefined;
  return { kind, startTs, commitTs, shortValue };
}

export function encodeNewest(key: Uint8Array, record: NewestRecord): Uint8Array {
  const bytes = NEWEST_HEAD_BYTES + (record.write === undefined ? 0 : writeBytes(record.write));
  const w = new ByteWriter(bytes + CHECKSUM_BYTES);
  w.u8(record.write === undefined ? 0 : FLAG_WRITE).timestamp(record.otherTs);
  if (record.write !== undefined) putWrite(w, record.write);
  return seal(key, w);
}

export function decodeNewest(key: Uint8Array, bytes: Uint8Array): NewestRecord {
  const r = unseal(key, bytes);
  const flags = r.u8();
  const otherTs = r.timestamp();
  const write = flags & FLAG_WRITE ? readWrite(r) : undefined;
  r.end();
  return { write, otherTs };
}

/** A write under a history key. */
export function encodeHistoryWrite(key: Uint8Array, write: WriteRecord): Uint8Array {
  const w = new ByteWriter(writeBytes(write) + CHECKSUM_BYTES);
  putWrite(w, write);
  return seal(key, w);
}

export function decodeHistoryWrite(key: Uint8Array, bytes: Uint8Array): WriteRecord {
  const r = unseal(key, bytes);
  const write = readWrite(r);
  r.end();
  return write;
}

/** A rollback under a history key: that it exists is all that it says. */
export function encodeRollback(key: Uint8Array): Uint8Array {
  return seal(key, new ByteWriter(1 + CHECKSUM_BYTES).u8(0));
}

/** Throws CodecError when the record is damaged. */
export function checkRollback(key: Uint8Array, bytes: Uint8Array): void {
  const r = unseal(key, bytes);
  r.u8();
  r.end();
}
