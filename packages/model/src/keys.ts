import {
  ByteReader,
  CodecError,
  concatBytes,
  EMPTY_BYTES,
  type RegionId,
  type Timestamp,
} from '@tinykv/base';
import type { KeyRange } from './key-range.js';
import {
  decodeBytes,
  decodeBytesInto,
  encodeBytes,
  encodeBytesInto,
  encodedLength,
} from './memcomparable.js';

/**
 * The layout of the engine: one byte of family, then what the family wants.
 *
 *   01 …                                     the store's own records (below)
 *   d EncodeBytes(user) ~start_ts            values too long to stand inside a record
 *   h EncodeBytes(user) ~ts 'w' | 'r'        older commits, Lock-kind commits | rollbacks
 *   k EncodeBytes(user)                      the newest committed Put or Delete
 *   l EncodeBytes(user)                      the lock
 *   r cf locationKey(key)                    raw API
 *   t EncodeBytes(user) cf                   when a raw key expires, for the collection
 *
 * Only this file, mvcc-records.ts, raw-records.ts and modify.ts know it.
 */
export const family = {
  local: 0x01,
  value: 0x64,
  history: 0x68,
  newest: 0x6b,
  lock: 0x6c,
  raw: 0x72,
  expiry: 0x74,
} as const;

/** How a cluster's keys are located; fixed when the cluster is made. */
export type ApiMode = 'txn' | 'raw';

export const rawColumnFamilies = { default: 0, lock: 1, write: 2 } as const;
export type RawCf = keyof typeof rawColumnFamilies;

export function isRawCf(name: string): name is RawCf {
  return Object.hasOwn(rawColumnFamilies, name);
}

/** Where a user key lives: Region bounds are compared with this and nothing else. */
export function locationKey(api: ApiMode, userKey: Uint8Array): Uint8Array {
  return api === 'txn' ? encodeBytes(userKey) : userKey;
}

/** The user key at or after which a Region begins. A bound that is no encoding (never made by us) throws CodecError. */
export function userKeyOfBound(api: ApiMode, bound: Uint8Array): Uint8Array {
  if (api === 'raw' || bound.length === 0) return bound;
  return decodeBytes(bound).bytes;
}

function withFamily(code: number, userKey: Uint8Array, extra: number): Uint8Array {
  const out = new Uint8Array(1 + encodedLength(userKey.length) + extra);
  out[0] = code;
  encodeBytesInto(out, 1, userKey);
  return out;
}

function putDescendingTs(out: Uint8Array, at: number, ts: Timestamp): void {
  new DataView(out.buffer, out.byteOffset).setBigUint64(at, ts ^ 0xffff_ffff_ffff_ffffn);
}

export function lockKey(userKey: Uint8Array): Uint8Array {
  return withFamily(family.lock, userKey, 0);
}

export function newestKey(userKey: Uint8Array): Uint8Array {
  return withFamily(family.newest, userKey, 0);
}

export function valueKey(userKey: Uint8Array, startTs: Timestamp): Uint8Array {
  const out = withFamily(family.value, userKey, 8);
  putDescendingTs(out, out.length - 8, startTs);
  return out;
}

const TAG_WRITE = 0x77;
const TAG_ROLLBACK = 0x72;
export type HistoryTag = 'w' | 'r';

/** `ts` is the commit timestamp of a write, the start timestamp of a rollback. */
export function historyKey(userKey: Uint8Array, ts: Timestamp, tag: HistoryTag): Uint8Array {
  const out = withFamily(family.history, userKey, 9);
  putDescendingTs(out, out.length - 9, ts);
  out[out.length - 1] = tag === 'w' ? TAG_WRITE : TAG_ROLLBACK;
  return out;
}

export interface HistoryKey {
  readonly userKey: Uint8Array;
  readonly ts: Timestamp;
  readonly tag: HistoryTag;
}

/** Inverse of {@link historyKey}. Throws CodecError. */
export function parseHistoryKey(key: Uint8Array): HistoryKey {
  if (key[0] !== family.history) throw new CodecError(`family ${key[0]} is not history`);
  const { bytes, end } = decodeBytes(key, 1);
  const reader = new ByteReader(key.subarray(end));
  const ts = reader.timestamp() ^ 0xffff_ffff_ffff_ffffn;
  const tag = reader.u8();
  reader.end();
  if (tag !== TAG_WRITE && tag !== TAG_ROLLBACK) throw new CodecError(`history tag ${tag} is bad`);
  return { userKey: bytes, ts, tag: tag === TAG_WRITE ? 'w' : 'r' };
}

/** The user key of a lock or newest key. Throws CodecError. */
export function parseRecordKey(key: Uint8Array): Uint8Array {
  const out = new Uint8Array(key.length);
  return out.slice(0, parseRecordKeyInto(out, key));
}

/** As {@link parseRecordKey}, into the start of `out`, which has room for all of `key`; returns the length. */
export function parseRecordKeyInto(out: Uint8Array, key: Uint8Array): number {
  const length = decodeBytesInto(out, key, 1);
  const end = 1 + encodedLength(length);
  if (end !== key.length)
    throw new CodecError(`${key.length - end} trailing bytes in a record key`);
  return length;
}

export function rawKey(api: ApiMode, cf: RawCf, userKey: Uint8Array): Uint8Array {
  const location = locationKey(api, userKey);
  const out = new Uint8Array(2 + location.length);
  out[0] = family.raw;
  out[1] = rawColumnFamilies[cf];
  out.set(location, 2);
  return out;
}

/** The user key of a raw key. Throws CodecError. */
export function parseRawKey(api: ApiMode, key: Uint8Array): Uint8Array {
  return userKeyOfBound(api, key.subarray(2));
}

/** Where it stands when a raw key expires. */
export function expiryKey(cf: RawCf, userKey: Uint8Array): Uint8Array {
  const out = withFamily(family.expiry, userKey, 1);
  out[out.length - 1] = rawColumnFamilies[cf];
  return out;
}

/** Inverse of {@link expiryKey}. Throws CodecError. */
export function parseExpiryKey(key: Uint8Array): { readonly cf: RawCf; readonly key: Uint8Array } {
  const { bytes, end } = decodeBytes(key, 1);
  const r = new ByteReader(key.subarray(end));
  const cf = rawCfOf(r.u8());
  r.end();
  return { cf, key: bytes };
}

/** Throws CodecError. */
export function rawCfOf(code: number): RawCf {
  const name = Object.keys(rawColumnFamilies)[code];
  if (name === undefined || !isRawCf(name)) {
    throw new CodecError(`column family ${code} is unknown`);
  }
  return name;
}

function familyRange(prefix: readonly number[], start: Uint8Array, end: Uint8Array): KeyRange {
  const head = Uint8Array.from(prefix);
  if (end.length > 0) return { start: concatBytes(head, start), end: concatBytes(head, end) };
  const stop = Uint8Array.from(prefix);
  stop[stop.length - 1] = stop[stop.length - 1]! + 1;
  return { start: concatBytes(head, start), end: stop };
}

/** Engine range of one record family over a range of location keys. */
export function recordRange(
  api: ApiMode,
  code: (typeof family)['value' | 'history' | 'newest' | 'lock' | 'expiry'],
  range: KeyRange,
): KeyRange {
  if (api === 'txn') return familyRange([code], range.start, range.end);
  const bound = (b: Uint8Array): Uint8Array => (b.length === 0 ? EMPTY_BYTES : encodeBytes(b));
  return familyRange([code], bound(range.start), bound(range.end));
}

/** Engine range of one raw column family over a range of location keys. */
export function rawRange(cf: RawCf, range: KeyRange): KeyRange {
  return familyRange([family.raw, rawColumnFamilies[cf]], range.start, range.end);
}

/** All engine ranges that hold data of a range of location keys, in key order. */
export function regionRanges(api: ApiMode, range: KeyRange): readonly KeyRange[] {
  return [
    recordRange(api, family.value, range),
    recordRange(api, family.history, range),
    recordRange(api, family.newest, range),
    recordRange(api, family.lock, range),
    rawRange('default', range),
    rawRange('lock', range),
    rawRange('write', range),
    recordRange(api, family.expiry, range),
  ];
}

/** The location key of any data key (its Region), for split keys and checks. Throws CodecError. */
export function locationOfDataKey(api: ApiMode, key: Uint8Array): Uint8Array {
  if (key[0] === family.raw) return key.subarray(2);
  const { bytes, end } = decodeBytes(key, 1);
  return api === 'txn' ? key.subarray(1, end) : bytes;
}

// The store's own records: 01 kind [region_id].
const LOCAL_IDENT = 0x01;
const LOCAL_BOOTSTRAP = 0x02;
const LOCAL_REGION = 0x03;
const LOCAL_APPLY = 0x04;
const LOCAL_SAFE_POINT = 0x05;
const LOCAL_ADDRESSES = 0x06;

export const storeIdentKey: Uint8Array = Uint8Array.of(family.local, LOCAL_IDENT);
export const prepareBootstrapKey: Uint8Array = Uint8Array.of(family.local, LOCAL_BOOTSTRAP);
/** Below what the store refuses to read; written in the same batch as what it removes for it. */
export const safePointKey: Uint8Array = Uint8Array.of(family.local, LOCAL_SAFE_POINT);

/** Where the other stores are reached. */
export const storeAddressesKey: Uint8Array = Uint8Array.of(family.local, LOCAL_ADDRESSES);

function regionLocalKey(kind: number, regionId: RegionId): Uint8Array {
  const out = new Uint8Array(10);
  out[0] = family.local;
  out[1] = kind;
  new DataView(out.buffer).setBigUint64(2, BigInt(regionId));
  return out;
}

/** Region and peer state (Normal, Applying, Tombstone). */
export function regionStateKey(regionId: RegionId): Uint8Array {
  return regionLocalKey(LOCAL_REGION, regionId);
}

/** Applied index, written in the same batch as the data that it speaks of. */
export function applyStateKey(regionId: RegionId): Uint8Array {
  return regionLocalKey(LOCAL_APPLY, regionId);
}

export const regionStateRange: KeyRange = {
  start: Uint8Array.of(family.local, LOCAL_REGION),
  end: Uint8Array.of(family.local, LOCAL_REGION + 1),
};
