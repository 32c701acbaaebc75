import { assert, ByteReader, ByteWriter, concatBytes, EMPTY_BYTES, limits } from '@tinykv/base';
import { type Meta, makeMeta } from './meta-codec.js';
import type { Database } from './redis-txn.js';

/*
 * A string of up to one chunk is the body of its meta. A longer one has its bytes in chunks of
 * `gatewayChunkBytes` under data keys `c` | u32, every chunk but the last full, and its length as the
 * body of the meta. Each writer writes the meta, so two writers of one string always conflict.
 */

export function stringLength(meta: Meta | undefined): number {
  if (meta === undefined) return 0;
  assert(meta.type === 'string', () => `${meta.type} taken for a string`);
  return meta.id === undefined ? meta.body.length : new ByteReader(meta.body).varint();
}

export function readString(db: Database, meta: Meta): Uint8Array {
  if (meta.id === undefined) return meta.body;
  return readRange(db, meta, 0, stringLength(meta));
}

/** Bytes [from, to) of the string; both within its length. */
export function readRange(db: Database, meta: Meta, from: number, to: number): Uint8Array {
  if (meta.id === undefined) return meta.body.subarray(from, to);
  if (from >= to) return EMPTY_BYTES;
  const first = Math.floor(from / limits.gatewayChunkBytes);
  const last = Math.floor((to - 1) / limits.gatewayChunkBytes);
  const chunks = readChunks(db, meta.id, first, last);
  const base = first * limits.gatewayChunkBytes;
  return concatBytes(...chunks).subarray(from - base, to - base);
}

/** Notes the chunks of a string that are not loaded. */
export function wantString(db: Database, meta: Meta): void {
  if (meta.id === undefined) return;
  db.wantData(meta.id, 'c', chunkSuffixes(0, lastChunk(stringLength(meta))));
}

function chunkSuffixes(first: number, last: number): Uint8Array[] {
  const suffixes: Uint8Array[] = [];
  for (let i = first; i <= last; i++) suffixes.push(chunkSuffix(i));
  return suffixes;
}

function readChunks(db: Database, id: Uint8Array, first: number, last: number): Uint8Array[] {
  const chunks = db.readData(id, 'c', chunkSuffixes(first, last));
  return chunks.map((chunk, i) => {
    assert(chunk !== undefined, () => `chunk ${first + i} of a string is missing`);
    return chunk;
  });
}

/** Replaces whatever the key held, which must have been read. */
export function writeString(
  db: Database,
  key: Uint8Array,
  value: Uint8Array,
  expireAtMs?: bigint,
): void {
  if (value.length <= limits.gatewayChunkBytes) {
    db.put(key, makeMeta('string', value, expireAtMs));
    return;
  }
  const id = db.txn.newId();
  writeChunks(db, id, 0, value);
  db.put(key, makeMeta('string', lengthBody(value.length), expireAtMs, id));
}

/**
 * Writes `patch` over the string from `offset` on, which may lie past its end: the gap becomes zero
 * bytes. Keeps the TTL. Returns the new length.
 */
export function patchString(
  db: Database,
  key: Uint8Array,
  meta: Meta | undefined,
  offset: number,
  patch: Uint8Array,
): number {
  const length = stringLength(meta);
  const newLength = Math.max(length, offset + patch.length);
  if (meta?.id === undefined) {
    const whole = new Uint8Array(newLength);
    if (meta !== undefined) whole.set(meta.body);
    whole.set(patch, offset);
    writeString(db, key, whole, meta?.expireAtMs);
    return newLength;
  }
  const from = Math.min(offset, length);
  const first = Math.floor(from / limits.gatewayChunkBytes);
  const lastKept = Math.min(
    Math.floor((offset + patch.length - 1) / limits.gatewayChunkBytes),
    lastChunk(length),
  );
  const chunks = first <= lastKept ? readChunks(db, meta.id, first, lastKept) : [];
  const kept = concatBytes(...chunks);
  const base = first * limits.gatewayChunkBytes;
  const part = new Uint8Array(Math.max(kept.length, offset + patch.length - base));
  part.set(kept);
  part.set(patch, offset - base);
  writeChunks(db, meta.id, first, part);
  db.put(key, makeMeta('string', lengthBody(newLength), meta.expireAtMs, meta.id));
  return newLength;
}

function writeChunks(db: Database, id: Uint8Array, first: number, bytes: Uint8Array): void {
  for (let at = 0, i = first; at < bytes.length; at += limits.gatewayChunkBytes, i++) {
    db.putData(id, 'c', chunkSuffix(i), bytes.subarray(at, at + limits.gatewayChunkBytes));
  }
}

function lastChunk(length: number): number {
  return Math.floor((length - 1) / limits.gatewayChunkBytes);
}

function chunkSuffix(index: number): Uint8Array {
  return new ByteWriter(4).u32(index).finish();
}

function lengthBody(length: number): Uint8Array {
  return new ByteWriter(8).varint(length).finish();
}
