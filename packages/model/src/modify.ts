import {
  assertNever,
  type ByteReader,
  type ByteWriter,
  CodecError,
  type Timestamp,
} from '@tinykv/base';
import {
  type ApiMode,
  historyKey,
  isRawCf,
  lockKey,
  newestKey,
  type RawCf,
  rawColumnFamilies,
  rawKey,
  valueKey,
} from './keys.js';
import { sealValue } from './mvcc-records.js';

/**
 * What a log entry asks the state machine to do: blind writes, decided by the leader from facts read
 * under latches. Keys are user keys; records are sealed bytes of mvcc-records.ts. `addsValue` is for the leader
 * alone, and not encoded: a client's new value comes with the modify. Without it a lock is an earlier one with new times,
 * or has no value, and a commit puts a value in its place that came with the lock.
 */
export type Modify =
  | {
      readonly type: 'raw-put';
      readonly cf: RawCf;
      readonly key: Uint8Array;
      readonly value: Uint8Array;
    }
  | { readonly type: 'raw-delete'; readonly cf: RawCf; readonly key: Uint8Array }
  /** Writes the lock, and the value when it is too long to stand inside it. */
  | {
      readonly type: 'lock';
      readonly key: Uint8Array;
      readonly startTs: Timestamp;
      readonly lock: Uint8Array;
      readonly longValue: Uint8Array | undefined;
      readonly addsValue?: boolean;
    }
  /** Removes the lock, and the long value of its transaction. */
  | {
      readonly type: 'unlock';
      readonly key: Uint8Array;
      readonly startTs: Timestamp;
      readonly dropValue: boolean;
    }
  /**
   * Commits: `newest` replaces the newest record; `history` is what that displaces, or the committed
   * record itself when it is of kind lock or not the newest. `longValue` is for one-phase commits.
   */
  | {
      readonly type: 'commit';
      readonly key: Uint8Array;
      readonly startTs: Timestamp;
      readonly unlock: boolean;
      readonly newest: Uint8Array | undefined;
      readonly history: { readonly ts: Timestamp; readonly record: Uint8Array } | undefined;
      readonly longValue: Uint8Array | undefined;
      readonly addsValue?: boolean;
    }
  /** Rolls back: leaves a rollback record at startTs, and the newest record with a raised otherTs. */
  | {
      readonly type: 'rollback';
      readonly key: Uint8Array;
      readonly startTs: Timestamp;
      readonly unlock: boolean;
      readonly dropValue: boolean;
      readonly newest: Uint8Array;
      readonly record: Uint8Array;
    }
  /**
   * Removes what no read at or above the safe point sees: commits of the history by their commit timestamps,
   * rollbacks by their starts, long values by the starts of their transactions, and perhaps the newest record. Who
   * applies it must refuse reads below the safe point from then on.
   */
  | {
      readonly type: 'collect';
      readonly key: Uint8Array;
      readonly safePoint: Timestamp;
      readonly writes: readonly Timestamp[];
      readonly rollbacks: readonly Timestamp[];
      readonly values: readonly Timestamp[];
      readonly newest: boolean;
    };

/** Where a modify goes: an engine batch, or a count of bytes. */
export interface ModifySink {
  put(key: Uint8Array, value: Uint8Array): void;
  delete(key: Uint8Array): void;
}

/** The physical layout as a pure function of the modify. */
export function applyModify(api: ApiMode, m: Modify, sink: ModifySink): void {
  switch (m.type) {
    case 'raw-put': {
      const key = rawKey(api, m.cf, m.key);
      sink.put(key, sealValue(key, m.value));
      return;
    }
    case 'raw-delete':
      sink.delete(rawKey(api, m.cf, m.key));
      return;
    case 'lock':
      putLongValue(m.key, m.startTs, m.longValue, sink);
      sink.put(lockKey(m.key), m.lock);
      return;
    case 'unlock':
      sink.delete(lockKey(m.key));
      if (m.dropValue) sink.delete(valueKey(m.key, m.startTs));
      return;
    case 'commit':
      putLongValue(m.key, m.startTs, m.longValue, sink);
      if (m.history) sink.put(historyKey(m.key, m.history.ts, 'w'), m.history.record);
      if (m.newest) sink.put(newestKey(m.key), m.newest);
      if (m.unlock) sink.delete(lockKey(m.key));
      return;
    case 'rollback':
      sink.put(historyKey(m.key, m.startTs, 'r'), m.record);
      sink.put(newestKey(m.key), m.newest);
      if (m.dropValue) sink.delete(valueKey(m.key, m.startTs));
      if (m.unlock) sink.delete(lockKey(m.key));
      return;
    case 'collect':
      for (const ts of m.writes) sink.delete(historyKey(m.key, ts, 'w'));
      for (const ts of m.rollbacks) sink.delete(historyKey(m.key, ts, 'r'));
      for (const ts of m.values) sink.delete(valueKey(m.key, ts));
      if (m.newest) sink.delete(newestKey(m.key));
      return;
    default:
      assertNever(m, 'modify');
  }
}

function putLongValue(
  key: Uint8Array,
  startTs: Timestamp,
  value: Uint8Array | undefined,
  sink: ModifySink,
): void {
  if (value === undefined) return;
  const at = valueKey(key, startTs);
  sink.put(at, sealValue(at, value));
}

/** Whether a client's new value is among them, which a store whose disk is full refuses. */
export function addsValue(modifies: readonly Modify[]): boolean {
  return modifies.some(
    (m) =>
      m.type === 'raw-put' || ((m.type === 'lock' || m.type === 'commit') && m.addsValue === true),
  );
}

/** Bytes of a modify's encoding beside its key, records and values, at most. */
const MODIFY_OVERHEAD_BYTES = 48;

/** An upper bound of the encoded size. */
export function modifiesBytes(modifies: readonly Modify[]): number {
  let bytes = 0;
  for (const m of modifies) bytes += MODIFY_OVERHEAD_BYTES + m.key.length + payloadBytes(m);
  return bytes;
}

function payloadBytes(m: Modify): number {
  switch (m.type) {
    case 'raw-put':
      return m.value.length;
    case 'raw-delete':
    case 'unlock':
      return 0;
    case 'lock':
      return m.lock.length + (m.longValue?.length ?? 0);
    case 'commit':
      return (m.newest?.length ?? 0) + (m.history?.record.length ?? 0) + (m.longValue?.length ?? 0);
    case 'rollback':
      return m.newest.length + m.record.length;
    case 'collect':
      return 8 * (m.writes.length + m.rollbacks.length + m.values.length);
  }
}

const TYPES = ['raw-put', 'raw-delete', 'lock', 'unlock', 'commit', 'rollback', 'collect'] as const;
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
      return { type, cf: readCf(r), key, value: r.bytes() };
    case 'raw-delete':
      return { type, cf: readCf(r), key };
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

function readCf(r: ByteReader): RawCf {
  const code = r.u8();
  const name = Object.keys(rawColumnFamilies)[code];
  if (name === undefined || !isRawCf(name))
    throw new CodecError(`column family ${code} is unknown`);
  return name;
}
