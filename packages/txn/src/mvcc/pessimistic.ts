import { equalBytes, err, maxTimestamp, ok, type Timestamp, TS_ZERO } from '@tinykv/base';
import { encodeLock, type KeyError, type LockRecord, lockKey, type Modify } from '@tinykv/model';
import {
  abortError,
  type Decision,
  decideAll,
  type KeyDecision,
  lockedError,
  NOTHING,
} from './decision.js';
import { type KeyFacts, newestTs, type TxnKeyFacts } from './key-view.js';
import { boundedTtl } from './lock-life.js';

/** A transaction that locks keys before it writes them. */
export interface PessimisticTxn {
  readonly primary: Uint8Array;
  readonly startTs: Timestamp;
  readonly ttlMs: number;
  /** The locks see, and guard, what was committed up to here. */
  readonly forUpdateTs: Timestamp;
  readonly minCommitTs: Timestamp;
  /** Lock a key in spite of newer versions: the lock sees them, and its transaction is told ({@link conflictSeen}). */
  readonly forceLock?: boolean;
}

/**
 * TiKV's `acquire_pessimistic_lock`: locks all keys, or none when one of them fails. The value under a
 * lock that was taken stays the newest until the transaction ends: nothing was committed above the lock's
 * `forUpdateTs` when it was taken, and nobody else writes a key that is locked.
 */
export function lockPessimistically(
  facts: readonly TxnKeyFacts[],
  txn: PessimisticTxn,
): Decision<KeyError | undefined> {
  return decideAll(facts, (fact) => lockKeyFor(fact, txn));
}

function lockKeyFor(facts: TxnKeyFacts, txn: PessimisticTxn): KeyDecision {
  const { key, lock, outcome } = facts;
  const { startTs, forUpdateTs, primary } = txn;
  // A request that was under way for long: a lock now would belong to nobody, and at the primary it would
  // tell others that a transaction which has ended is alive.
  if (outcome.type !== 'none') {
    const how = outcome.type === 'commit' ? 'committed' : 'rolled back';
    return err(abortError(`transaction ${startTs} is ${how}`, key));
  }
  if (lock !== undefined) {
    return lock.startTs === startTs ? raiseOwnLock(key, lock, txn) : err(lockedError(key, lock));
  }
  const conflictTs = conflictSeen(facts, txn);
  if (conflictTs !== TS_ZERO && txn.forceLock !== true) {
    return err({ type: 'conflict', startTs, conflictTs, key, primary });
  }
  return ok(
    lockModify(key, {
      kind: 'pessimistic',
      primary,
      startTs,
      ttlMs: boundedTtl(txn.ttlMs),
      forUpdateTs: maxTimestamp(forUpdateTs, conflictTs),
      minCommitTs: above(conflictTs, txn.minCommitTs),
      secondaries: undefined,
      shortValue: undefined,
    }),
  );
}

/** A timestamp that a store has chosen may lie a little ahead of the scheduler's, so a newer one alone will not do. */
function above(conflictTs: Timestamp, minCommitTs: Timestamp): Timestamp {
  return conflictTs === TS_ZERO ? minCommitTs : maxTimestamp(minCommitTs, conflictTs + 1n);
}

/** What was committed above `forUpdateTs`, or rolled back there, at the latest; 0: nothing. */
export function conflictSeen(
  { newest }: Pick<KeyFacts, 'newest'>,
  { forUpdateTs }: Pick<PessimisticTxn, 'forUpdateTs'>,
): Timestamp {
  const ts = newestTs(newest);
  return ts > forUpdateTs ? ts : TS_ZERO;
}

/** A request that is repeated, or a key that is locked again: what the lock says only grows. */
function raiseOwnLock(key: Uint8Array, lock: LockRecord, txn: PessimisticTxn): KeyDecision {
  if (lock.kind !== 'pessimistic') {
    return err(abortError(`transaction ${txn.startTs} has prewritten the key`, key));
  }
  const raised: LockRecord = {
    ...lock,
    primary: txn.primary,
    ttlMs: boundedTtl(Math.max(lock.ttlMs, txn.ttlMs)),
    forUpdateTs: maxTimestamp(lock.forUpdateTs, txn.forUpdateTs),
    minCommitTs: maxTimestamp(lock.minCommitTs, txn.minCommitTs),
  };
  const modify = lockModify(key, raised);
  const isSame = equalBytes(modify.lock, lockModify(key, lock).lock);
  return isSame ? NOTHING : ok(modify);
}

function lockModify(key: Uint8Array, lock: LockRecord): Extract<Modify, { type: 'lock' }> {
  const { startTs } = lock;
  return { type: 'lock', key, startTs, lock: encodeLock(lockKey(key), lock), longValue: undefined };
}

/**
 * Gives pessimistic locks back that were taken up to `forUpdateTs`. It leaves no record: the transaction goes
 * on, or has ended elsewhere.
 */
export function unlockPessimistic(
  facts: readonly KeyFacts[],
  startTs: Timestamp,
  forUpdateTs: Timestamp,
): Decision<undefined> {
  const modifies = facts
    .filter(({ lock }) => isOwnPessimistic(lock, startTs) && lock.forUpdateTs <= forUpdateTs)
    .map(({ key }) => unlockModify(key, startTs));
  return { modifies, answer: undefined };
}

export function unlockModify(key: Uint8Array, startTs: Timestamp): Modify {
  return { type: 'unlock', key, startTs, dropValue: false };
}

export function isOwnPessimistic(
  lock: LockRecord | undefined,
  startTs: Timestamp,
): lock is LockRecord {
  return lock?.startTs === startTs && lock.kind === 'pessimistic';
}

/**
 * Why a key cannot be prewritten that its transaction had locked. A lock that is gone, since a leader had
 * answered before it was on a quorum or since others took the transaction for dead, may be made up for while
 * nothing has happened to the key since the start (TiKV's `amend_pessimistic_lock`): nobody else can have
 * relied on it being free.
 *
 * `lockedAt` is the `for_update_ts` of the lock that the client was given; 0: it does not say. A lock with a higher one
 * was taken by a request that came late, after the first had been lost and others had written.
 */
export function lostLock(
  { key, lock, newest }: KeyFacts,
  lockedAt: Timestamp,
  { startTs }: { readonly startTs: Timestamp },
): KeyError | undefined {
  const isAnother = isOwnPessimistic(lock, startTs) && isAbove(lock.forUpdateTs, lockedAt);
  const isGone = lock === undefined ? newestTs(newest) >= startTs : lock.startTs !== startTs;
  const isLost = isGone || isAnother;
  return isLost ? abortError(`pessimistic lock of transaction ${startTs} is lost`, key) : undefined;
}

function isAbove(forUpdateTs: Timestamp, lockedAt: Timestamp): boolean {
  return lockedAt !== TS_ZERO && forUpdateTs > lockedAt;
}
