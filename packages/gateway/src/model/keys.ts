import { ByteReader, ByteWriter, concatBytes, crc32, prefixEnd } from '@tinykv/base';
import { slotOf } from './slot.js';

/*
 * P (11 bytes) = 'R' | instance u32 | db u16 | epoch u32, all big-endian.
 *
 *   meta    P 'm' slot u16 | key                      header | inline value
 *   data    P 'd' hash u8 | id10 | tag | suffix       elements of large objects
 *   ttl     P 't' expireAt u64 ms | slot u16 | key    0x01
 *   gc      'R' instance 'g' | enqueue ts u64 | id10  what is to be collected
 *   epoch   'R' instance 'E' | db u16                 the epoch of a database
 *   gateway 'R' instance 'G' | id                     a live gateway
 *
 * The byte after `'R' instance` is 'E', 'G' or 'g' for the instance's own records and the high byte of a
 * database's number otherwise: there are never so many databases.
 */
const ROOT = 0x52;
const META = 0x6d;
const DATA = 0x64;
const TTL = 0x74;
const GC = 0x67;
const EPOCH = 0x45;
const GATEWAY = 0x47;

/** Databases that fit below the records of the instance. */
export const DATABASES_MAX = 4_096;
export const PREFIX_BYTES = 11;
export const ID_BYTES = 10;

export interface KeyBounds {
  readonly start: Uint8Array;
  readonly end: Uint8Array;
}

export type DataTag = 'c';

/** P of one database in one of its epochs. */
export function databasePrefix(instance: number, db: number, epoch: number): Uint8Array {
  const out = new Uint8Array(PREFIX_BYTES);
  const view = new DataView(out.buffer);
  out[0] = ROOT;
  view.setUint32(1, instance);
  view.setUint16(5, db);
  view.setUint32(7, epoch);
  return out;
}

export function metaKey(prefix: Uint8Array, key: Uint8Array): Uint8Array {
  return slottedKey(prefix, META, 0, slotOf(key), key);
}

/** `extra` bytes are left free between the family and the slot. */
function slottedKey(
  prefix: Uint8Array,
  family: number,
  extra: number,
  slot: number,
  key: Uint8Array,
): Uint8Array {
  const at = prefix.length + 1 + extra;
  const out = new Uint8Array(at + 2 + key.length);
  out.set(prefix);
  out[prefix.length] = family;
  out[at] = slot >> 8;
  out[at + 1] = slot & 0xff;
  out.set(key, at + 2);
  return out;
}

export function slotStart(prefix: Uint8Array, slot: number): Uint8Array {
  return slottedKey(prefix, META, 0, slot, new Uint8Array(0));
}

export function metaBounds(prefix: Uint8Array): KeyBounds {
  return bounds(concatBytes(prefix, Uint8Array.of(META)));
}

/** Whether a key among the metas names a Redis key, in its slot: other programs may have put others there. */
export function isMetaKey(key: Uint8Array): boolean {
  return key.length >= PREFIX_BYTES + 3 && slotOf(userKeyOfMeta(key)) === slotOfMeta(key);
}

/** The Redis key of a meta key. */
export function userKeyOfMeta(key: Uint8Array): Uint8Array {
  return key.subarray(PREFIX_BYTES + 3);
}

export function slotOfMeta(key: Uint8Array): number {
  return (key[PREFIX_BYTES + 1]! << 8) | key[PREFIX_BYTES + 2]!;
}

export function dataPrefix(prefix: Uint8Array, id: Uint8Array): Uint8Array {
  return concatBytes(prefix, Uint8Array.of(DATA, crc32(id) & 0xff), id);
}

export function dataKey(
  prefix: Uint8Array,
  id: Uint8Array,
  tag: DataTag,
  suffix: Uint8Array,
): Uint8Array {
  return concatBytes(dataPrefix(prefix, id), Uint8Array.of(tag.charCodeAt(0)), suffix);
}

export function ttlKey(prefix: Uint8Array, expireAtMs: bigint, key: Uint8Array): Uint8Array {
  const out = slottedKey(prefix, TTL, 8, slotOf(key), key);
  const view = new DataView(out.buffer);
  view.setBigUint64(prefix.length + 1, expireAtMs);
  return out;
}

/** Entries of the ttl index that are due at `nowMs`. */
export function ttlBounds(prefix: Uint8Array, nowMs: number): KeyBounds {
  const start = concatBytes(prefix, Uint8Array.of(TTL));
  return {
    start,
    end: new ByteWriter(20)
      .raw(start)
      .u64(nowMs + 1)
      .finish(),
  };
}

export function parseTtlKey(key: Uint8Array): { expireAtMs: bigint; userKey: Uint8Array } {
  const reader = new ByteReader(key);
  reader.raw(PREFIX_BYTES + 1);
  const expireAtMs = reader.timestamp();
  reader.u16();
  return { expireAtMs, userKey: reader.rest() };
}

export function gcKey(instance: number, enqueueTs: bigint, id: Uint8Array): Uint8Array {
  return new ByteWriter(24).u8(ROOT).u32(instance).u8(GC).timestamp(enqueueTs).raw(id).finish();
}

export function gcBounds(instance: number): KeyBounds {
  return bounds(new ByteWriter(6).u8(ROOT).u32(instance).u8(GC).finish());
}

export function parseGcKey(key: Uint8Array): { enqueueTs: bigint; id: Uint8Array } {
  const reader = new ByteReader(key);
  reader.raw(6);
  return { enqueueTs: reader.timestamp(), id: reader.raw(ID_BYTES) };
}

export function epochKey(instance: number, db: number): Uint8Array {
  return new ByteWriter(8).u8(ROOT).u32(instance).u8(EPOCH).u16(db).finish();
}

export function gatewayKey(instance: number, id: Uint8Array): Uint8Array {
  return new ByteWriter(24).u8(ROOT).u32(instance).u8(GATEWAY).raw(id).finish();
}

export function gatewayBounds(instance: number): KeyBounds {
  return bounds(new ByteWriter(6).u8(ROOT).u32(instance).u8(GATEWAY).finish());
}

export function prefixBounds(prefix: Uint8Array): KeyBounds {
  return bounds(prefix);
}

function bounds(start: Uint8Array): KeyBounds {
  return { start, end: prefixEnd(start) };
}

/** id10: the start timestamp of the transaction that creates the object, and the object's place in it. */
export function objectId(startTs: bigint, index: number): Uint8Array {
  return new ByteWriter(ID_BYTES).timestamp(startTs).u16(index).finish();
}
