import { equalBytes, type Timestamp, TS_MAX } from '@tinykv/base';
import type { KeyError, LockRecord, WriteRecord } from '@tinykv/model';
import { lockedError } from './decision.js';
import type { KeyFacts } from './key-view.js';

/** `read-committed`: the newest that is committed at or below the timestamp now, whatever is locked. */
export type Isolation = 'snapshot' | 'read-committed';

export interface ReadPoint {
  readonly ts: Timestamp;
  /** Which locks a read at the greatest timestamp heeds; see {@link isBlockedBy}. */
  readonly strict: boolean;
  readonly isolation?: Isolation | undefined;
  /** Starts of transactions whose locks are no obstacle. */
  readonly resolvedLocks?: ReadonlySet<Timestamp> | undefined;
}

/** Which version a read sees; `in-history`: one that a newer has displaced, or none. */
export type Visible =
  | { readonly type: 'locked'; readonly error: KeyError }
  | { readonly type: 'version'; readonly write: WriteRecord }
  | { readonly type: 'none' }
  | { readonly type: 'in-history' };

/** Decides a read from the lock and the newest record of a key. */
export function visibleAt({ key, lock, newest }: KeyFacts, point: ReadPoint): Visible {
  if (lock !== undefined && isBlockedBy(key, lock, point)) {
    return { type: 'locked', error: lockedError(key, lock) };
  }
  const write = newest?.write;
  if (write === undefined) return { type: 'none' };
  return write.commitTs <= point.ts ? { type: 'version', write } : { type: 'in-history' };
}

/**
 * A lock from before the read may become a commit below it, unless it changes nothing. A read at the
 * greatest timestamp wants the newest commit: of an undecided transaction, its primary's lock says that
 * it is not committed yet, while a secondary's may be a commit that was answered already. TinyKV has
 * this the wrong way round (it skips secondaries), and its clients get what they expect.
 */
function isBlockedBy(key: Uint8Array, lock: LockRecord, point: ReadPoint): boolean {
  const { ts, strict } = point;
  if (lock.startTs > ts) return false;
  if (lock.kind === 'lock' || lock.kind === 'pessimistic') return false;
  if (point.isolation === 'read-committed' || point.resolvedLocks?.has(lock.startTs)) return false;
  // It will be committed above the read, if at all.
  if (lock.minCommitTs > ts) return false;
  if (ts !== TS_MAX) return true;
  const isPrimary = equalBytes(key, lock.primary);
  if (!strict) return isPrimary;
  return !isPrimary || lock.secondaries !== undefined;
}
