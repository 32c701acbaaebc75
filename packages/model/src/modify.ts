import { assertNever, type Timestamp } from '@tinykv/base';
import {
  type ApiMode,
  expiryKey,
  historyKey,
  lockKey,
  newestKey,
  type RawCf,
  rawKey,
  valueKey,
} from './keys.js';
import { sealValue } from './mvcc-records.js';
import { sealExpiring, sealExpiry } from './raw-records.js';

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
  /** A raw put with a time to live: `expiresAt` in milliseconds of the scheduler's time, as its leader has found it. */
  | {
      readonly type: 'raw-put-expiring';
      readonly cf: RawCf;
      readonly key: Uint8Array;
      readonly value: Uint8Array;
      readonly expiresAt: number;
    }
  /** Removes what says when a raw key expires, and with `dropValue` the key itself: it has expired. */
  | {
      readonly type: 'raw-expire';
      readonly cf: RawCf;
      readonly key: Uint8Array;
      readonly dropValue: boolean;
    }
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
    case 'raw-put-expiring': {
      const key = rawKey(api, m.cf, m.key);
      const expiry = expiryKey(m.cf, m.key);
      sink.put(key, sealExpiring(key, m.value, m.expiresAt));
      sink.put(expiry, sealExpiry(expiry, m.expiresAt));
      return;
    }
    case 'raw-expire':
      if (m.dropValue) sink.delete(rawKey(api, m.cf, m.key));
      sink.delete(expiryKey(m.cf, m.key));
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
      m.type === 'raw-put' ||
      m.type === 'raw-put-expiring' ||
      ((m.type === 'lock' || m.type === 'commit') && m.addsValue === true),
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
    case 'raw-put-expiring':
      return m.value.length;
    case 'raw-delete':
    case 'raw-expire':
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
