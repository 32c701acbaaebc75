import {
  assertNever,
  type ByteReader,
  type ByteWriter,
  CodecError,
  type Timestamp,
} from '@tinykv/base';
import { rawCfOf, rawColumnFamilies } from './keys.js';
import type { Modify } from './modify.js';

const TYPES = [
  'raw-put',
  'raw-delete',
  'lock',
  'unlock',
  'commit',
  'rollback',
  'collect',
  'raw-put-expiring',
  'raw-expire',
] as const;
const FLAG_UNLOCK = 1;
const FLAG_DROP_VALUE = 2;
const FLAG_LONG_VALUE = 4;
const FLAG_NEWEST = 8;
const FLAG_HISTORY = 16;

/** Binary form inside a log entry: type, flags, key, then the fields that the flags name. */
export function encodeModify(w: ByteWriter, m: Modify): void {
  w.u8(TYPES.indexOf(m.type)).bytes(m.key);
  switch (m.type) {
    case 'raw-put':
      w.u8(rawColumnFamilies[m.cf]).bytes(m.value);
      return;
    case 'raw-delete':
      w.u8(rawColumnFamilies[m.cf]);
      return;
    case 'lock':
      w.u8(m.longValue ? FLAG_LONG_VALUE : 0)
        .timestamp(m.startTs)
        .bytes(m.lock);
      if (m.longValue) w.bytes(m.longValue);
      return;
    case 'unlock':
      w.u8(m.dropValue ? FLAG_DROP_VALUE : 0).timestamp(m.startTs);
      return;
    case 'commit':
      w.u8(
        (m.unlock ? FLAG_UNLOCK : 0) |
          (m.newest ? FLAG_NEWEST : 0) |
          (m.history ? FLAG_HISTORY : 0) |
          (m.longValue ? FLAG_LONG_VALUE : 0),
      ).timestamp(m.startTs);
      if (m.newest) w.bytes(m.newest);
      if (m.history) w.timestamp(m.history.ts).bytes(m.history.record);
      if (m.longValue) w.bytes(m.longValue);
      return;
    case 'rollback':
      w.u8((m.unlock ? FLAG_UNLOCK : 0) | (m.dropValue ? FLAG_DROP_VALUE : 0));
      w.timestamp(m.startTs).bytes(m.newest).bytes(m.record);
      return;
    case 'collect':
      w.u8(m.newest ? FLAG_NEWEST : 0).timestamp(m.safePoint);
      for (const list of [m.writes, m.rollbacks, m.values]) writeTimestamps(w, list);
      return;
    case 'raw-put-expiring':
      w.u8(rawColumnFamilies[m.cf]).timestamp(BigInt(m.expiresAt)).bytes(m.value);
      return;
    case 'raw-expire':
      w.u8(rawColumnFamilies[m.cf]).u8(m.dropValue ? FLAG_DROP_VALUE : 0);
      return;
    default:
      assertNever(m, 'modify');
  }
}

/** Inverse of {@link encodeModify}; byte fields are views. Throws CodecError. */
export function decodeModify(r: ByteReader): Modify {
  const type = TYPES[r.u8()];
  const key = r.bytes();
  switch (type) {
    case 'raw-put':
      return { type, cf: rawCfOf(r.u8()), key, value: r.bytes() };
    case 'raw-delete':
      return { type, cf: rawCfOf(r.u8()), key };
    case 'lock': {
      const flags = r.u8();
      const startTs = r.timestamp();
      const lock = r.bytes();
      return {
        type,
        key,
        startTs,
        lock,
        longValue: flags & FLAG_LONG_VALUE ? r.bytes() : undefined,
      };
    }
    case 'unlock':
      return { type, key, dropValue: (r.u8() & FLAG_DROP_VALUE) !== 0, startTs: r.timestamp() };
    case 'commit': {
      const flags = r.u8();
      const startTs = r.timestamp();
      const newest = flags & FLAG_NEWEST ? r.bytes() : undefined;
      const history = flags & FLAG_HISTORY ? { ts: r.timestamp(), record: r.bytes() } : undefined;
      const longValue = flags & FLAG_LONG_VALUE ? r.bytes() : undefined;
      return {
        type,
        key,
        startTs,
        unlock: (flags & FLAG_UNLOCK) !== 0,
        newest,
        history,
        longValue,
      };
    }
    case 'rollback': {
      const flags = r.u8();
      const startTs = r.timestamp();
      const newest = r.bytes();
      return {
        type,
        key,
        startTs,
        unlock: (flags & FLAG_UNLOCK) !== 0,
        dropValue: (flags & FLAG_DROP_VALUE) !== 0,
        newest,
        record: r.bytes(),
      };
    }
    case 'collect':
      return {
        type,
        key,
        newest: (r.u8() & FLAG_NEWEST) !== 0,
        safePoint: r.timestamp(),
        writes: readTimestamps(r),
        rollbacks: readTimestamps(r),
        values: readTimestamps(r),
      };
    case 'raw-put-expiring':
      return { type, cf: rawCfOf(r.u8()), key, expiresAt: readExpiry(r), value: r.bytes() };
    case 'raw-expire':
      return { type, cf: rawCfOf(r.u8()), key, dropValue: (r.u8() & FLAG_DROP_VALUE) !== 0 };
    case undefined:
      throw new CodecError('modify type is unknown');
    default:
      return assertNever(type, 'modify type');
  }
}

function writeTimestamps(w: ByteWriter, list: readonly Timestamp[]): void {
  w.varint(list.length);
  for (const ts of list) w.timestamp(ts);
}

function readTimestamps(r: ByteReader): Timestamp[] {
  const list: Timestamp[] = [];
  for (let left = r.varint(); left > 0; left--) list.push(r.timestamp());
  return list;
}

function readExpiry(r: ByteReader): number {
  const expiresAt = Number(r.timestamp());
  if (!Number.isSafeInteger(expiresAt)) throw new CodecError(`expiry ${expiresAt} is too large`);
  return expiresAt;
}
