import { ByteReader, ByteWriter, concatBytes, crc32, EMPTY_BYTES, prefixEnd } from '@tinykv/base';
import type { KeyGroups } from '../kv-port.js';
import { slotOf } from './slot.js';

/*
 * P (11 bytes) = 'R' | instance u32 | db u16 | epoch u32, all big-endian.
 *
 *   meta    P 'm' slot u16 | 00 | key                 header | inline value
 *   ttl     P 'm' slot u16 | 01 | expireAt u64 ms | key    0x01
 *   data    P 'd' hash u8 | id10 | tag | suffix       elements of large objects
 *   gc      'R' instance 'g' | enqueue ts u64 | id10  what is to be collected
 *   epoch   'R' instance 'E' | db u16                 the epoch of a database
 *   gateway 'R' instance 'G' | id                     a live gateway
 *   layout  'R' instance 'L'                          the version of all this
 *
 * A key's meta and its entry among those that expire lie in one slot, and so in one Region as a rule: they are written
 * together in one phase. The entries of a slot are in the order of time.
 *
 * The byte after `'R' instance` is 'E', 'G', 'L' or 'g' for the instance's own records and the high byte of a
 * database's number otherwise: there are never so many databases.
 */
const ROOT = 0x52;
const META = 0x6d;
const DATA = 0x64;
const GC = 0x67;
const EPOCH = 0x45;
const GATEWAY = 0x47;
const LAYOUT = 0x4c;

/** The tag that follows a slot. */
const META_TAG = 0;
const TTL_TAG = 1;

/** Databases that fit below the records of the instance. */
export const DATABASES_MAX = 4_096;
export const PREFIX_BYTES = 11;
export const ID_BYTES = 10;
/** A prefix, 'm' and a slot. */
const SLOT_END = PREFIX_BYTES + 3;

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
  return slottedKey(prefix, META_TAG, 0, key);
}

/** `extra` bytes are left free between the tag and the key. */
function slottedKey(prefix: Uint8Array, tag: number, extra: number, key: Uint8Array): Uint8Array {
  const slot = slotOf(key);
  const at = prefix.length;
  const out = new Uint8Array(at + 4 + extra + key.length);
  out.set(prefix);
  out[at] = META;
  out[at + 1] = slot >> 8;
  out[at + 2] = slot & 0xff;
  out[at + 3] = tag;
  out.set(key, at + 4 + extra);
  return out;
}

/** The first key of a slot; of the slot behind the last, that behind all slots. */
export function slotStart(prefix: Uint8Array, slot: number): Uint8Array {
  return concatBytes(prefix, Uint8Array.of(META, slot >> 8, slot & 0xff));
}

export function metaBounds(prefix: Uint8Array): KeyBounds {
  return bounds(concatBytes(prefix, Uint8Array.of(META)));
}

/** The metas of each slot, without the entries of keys that expire. */
export const META_GROUPS: KeyGroups = {
  nameBytes: SLOT_END,
  tag: Uint8Array.of(META_TAG),
  restEnd: EMPTY_BYTES,
};

/** The entries of each slot whose keys have expired at `nowMs`, and the first of the others. */
export function dueGroups(nowMs: number): KeyGroups {
  const restEnd = new ByteWriter(8).u64(nowMs + 1).finish();
  return { nameBytes: SLOT_END, tag: Uint8Array.of(TTL_TAG), restEnd };
}

/** Whether a key among the metas names a Redis key, in its slot: other programs may have put others there. */
export function isMetaKey(key: Uint8Array): boolean {
  if (key.length <= SLOT_END || key[SLOT_END] !== META_TAG) return false;
  return slotOf(userKeyOfMeta(key)) === slotOfMeta(key);
}

/** The Redis key of a meta key. */
export function userKeyOfMeta(key: Uint8Array): Uint8Array {
  return key.subarray(SLOT_END + 1);
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
  const out = slottedKey(prefix, TTL_TAG, 8, key);
  const view = new DataView(out.buffer);
  view.setBigUint64(SLOT_END + 1, expireAtMs);
  return out;
}

export function isTtlKey(key: Uint8Array): boolean {
  return key.length >= SLOT_END + 9 && key[SLOT_END] === TTL_TAG;
}

/** Throws CodecError. */
export function parseTtlKey(key: Uint8Array): { expireAtMs: bigint; userKey: Uint8Array } {
  const reader = new ByteReader(key);
  reader.raw(SLOT_END + 1);
  return { expireAtMs: reader.timestamp(), userKey: reader.rest() };
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

export function layoutKey(instance: number): Uint8Array {
  return new ByteWriter(6).u8(ROOT).u32(instance).u8(LAYOUT).finish();
}

/** All that belongs to an instance. */
export function instanceBounds(instance: number): KeyBounds {
  return bounds(new ByteWriter(5).u8(ROOT).u32(instance).finish());
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
