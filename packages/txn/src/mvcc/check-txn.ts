import {
  equalBytes,
  maxTimestamp,
  physicalMs,
  type Timestamp,
  TS_MAX,
  TS_ZERO,
} from '@tinykv/base';
import { encodeLock, type KeyError, type LockInfo, type LockRecord, lockKey } from '@tinykv/model';
import { type Decision, lockInfo } from './decision.js';
import type { TxnKeyFacts } from './key-view.js';
import { boundedTtl } from './lock-life.js';
import { unlockModify } from './pessimistic.js';
import { rollbackModify } from './rollback.js';

export interface TxnStatus {
  /** Milliseconds; 0: the transaction has no lock on its primary (any more). */
  readonly lockTtlMs: number;
  /** 0: not committed. */
  readonly commitTs: Timestamp;
  readonly action:
    | 'none'
    | 'ttl-expire-rollback'
    | 'lock-not-exist-rollback'
    /** These two are no end of the transaction: it may lock its primary again. */
    | 'ttl-expire-pessimistic-rollback'
    | 'lock-not-exist-do-nothing'
    | 'min-commit-ts-pushed';
  /** The primary's lock, while there is one. */
  readonly lock?: LockInfo;
  /** The key is not the primary of the transaction; or it is so old that nobody remembers what became of it. */
  readonly error?: KeyError;
}

export interface CheckTxn {
  readonly startTs: Timestamp;
  readonly currentTs: Timestamp;
  /** The lock of an async commit expires as any other. */
  readonly forceSyncCommit?: boolean;
  /** A read that the lock is in the way of; 0: none. */
  readonly callerStartTs?: Timestamp;
  /** The lock's commit timestamp is not pushed above it: it must be known to be granted. Default: `currentTs`. */
  readonly pushUpToTs?: Timestamp;
  /** The lock that was met is pessimistic: a primary without one is no reason to end the transaction. */
  readonly resolvingPessimisticLock?: boolean;
  /** A lock was met that has not expired: its primary may be on its way, and a rollback would kill a living transaction. */
  readonly leaveMissingPrimary?: boolean;
  /** What told of older transactions may be collected. */
  readonly safePoint?: Timestamp;
  /** Whether the client understands that a key is not the primary. */
  readonly strict: boolean;
}

const ROLLED_BACK: TxnStatus = { lockTtlMs: 0, commitTs: TS_ZERO, action: 'none' };

const DO_NOTHING: Decision<TxnStatus> = {
  modifies: [],
  answer: { ...ROLLED_BACK, action: 'lock-not-exist-do-nothing' },
};

/**
 * What became of a transaction, by its primary key (Percolator §2.2: the primary alone decides). A
 * transaction that has expired, or never came, is rolled back, so that the answer stays true. One that commits
 * asynchronously is not: it may be committed by its locks, which the caller has to look at.
 */
export function checkTxnStatus(facts: TxnKeyFacts, txn: CheckTxn): Decision<TxnStatus> {
  const { key, lock, outcome } = facts;
  const { startTs, resolvingPessimisticLock, safePoint = TS_ZERO } = txn;
  if (lock?.startTs === startTs) {
    if (txn.strict && !equalBytes(lock.primary, key)) {
      const error = { type: 'primary-mismatch', key, primary: lock.primary, startTs } as const;
      return { modifies: [], answer: { ...ROLLED_BACK, lockTtlMs: aliveFor(lock), error } };
    }
    return checkLock(facts, lock, txn);
  }
  switch (outcome.type) {
    case 'commit':
      return { modifies: [], answer: { ...ROLLED_BACK, commitTs: outcome.write.commitTs } };
    case 'rollback':
      return { modifies: [], answer: ROLLED_BACK };
    case 'none':
      if (resolvingPessimisticLock) return DO_NOTHING;
      if (startTs < safePoint) {
        // To who still sees a lock of it this says that it is rolled back: the others were resolved before.
        const error = { type: 'below-safe-point', ts: startTs, safePoint } as const;
        return { modifies: [], answer: { ...ROLLED_BACK, error } };
      }
      if (txn.leaveMissingPrimary) return DO_NOTHING;
      return {
        modifies: [rollbackModify(facts, startTs)],
        answer: { ...ROLLED_BACK, action: 'lock-not-exist-rollback' },
      };
  }
}

function checkLock(facts: TxnKeyFacts, lock: LockRecord, txn: CheckTxn): Decision<TxnStatus> {
  const { key } = facts;
  const { startTs, currentTs, forceSyncCommit = false } = txn;
  const isAsync = lock.secondaries !== undefined && !forceSyncCommit;
  const isAlive = physicalMs(startTs) + boundedTtl(lock.ttlMs) > physicalMs(currentTs);
  if (!isAsync && !isAlive) {
    // Where neither lock is more than a promise nothing has to be kept from coming late.
    if (txn.resolvingPessimisticLock && lock.kind === 'pessimistic') {
      return {
        modifies: [unlockModify(key, startTs)],
        answer: { ...ROLLED_BACK, action: 'ttl-expire-pessimistic-rollback' },
      };
    }
    return {
      modifies: [rollbackModify(facts, startTs)],
      answer: { ...ROLLED_BACK, action: 'ttl-expire-rollback' },
    };
  }
  const answer = { ...ROLLED_BACK, lockTtlMs: aliveFor(lock), lock: lockInfo(key, lock) };
  const pushed = isAsync ? undefined : pushedLock(lock, txn);
  if (pushed === undefined) return { modifies: [], answer };
  return {
    modifies: [
      { type: 'lock', key, startTs, lock: encodeLock(lockKey(key), pushed), longValue: undefined },
    ],
    answer: { ...answer, action: 'min-commit-ts-pushed', lock: lockInfo(key, pushed) },
  };
}

/** Not 0, whatever the lock says: that would read as a transaction that is rolled back. */
function aliveFor(lock: LockRecord): number {
  return Math.max(1, boundedTtl(lock.ttlMs));
}

/** The lock that lets the caller read past it; undefined: it does already, or its client has not allowed it. */
function pushedLock(lock: LockRecord, txn: CheckTxn): LockRecord | undefined {
  const { callerStartTs = TS_ZERO, pushUpToTs = txn.currentTs } = txn;
  if (lock.minCommitTs === TS_ZERO || callerStartTs === TS_MAX) return undefined;
  if (callerStartTs < lock.minCommitTs) return undefined;
  // A read that has begun lies in the past. A made-up one would drive the commit to where its client has no timestamp.
  if (callerStartTs > pushUpToTs) return undefined;
  // As far as it is known to be in the past, so that the next reads need not push again.
  return { ...lock, minCommitTs: maxTimestamp(callerStartTs + 1n, pushUpToTs) };
}
