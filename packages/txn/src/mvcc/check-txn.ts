import { nothingPlanted, type Planted, physicalMs, type Timestamp, TS_ZERO } from '@tinykv/base';
import type { Decision } from './decision.js';
import type { TxnKeyFacts } from './key-view.js';
import { isOwnPessimistic, unlockModify } from './pessimistic.js';
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
    | 'lock-not-exist-do-nothing';
}

const ROLLED_BACK: TxnStatus = { lockTtlMs: 0, commitTs: TS_ZERO, action: 'none' };

/**
 * What became of a transaction, by its primary key (Percolator §2.2: the primary alone decides). A
 * transaction that has expired, or never came, is rolled back, so that the answer stays true.
 */
export function checkTxnStatus(
  facts: TxnKeyFacts,
  startTs: Timestamp,
  currentTs: Timestamp,
  planted: Planted = nothingPlanted,
  resolvingPessimisticLock = false,
): Decision<TxnStatus> {
  const { lock, outcome } = facts;
  if (lock?.startTs === startTs) {
    if (physicalMs(startTs) + lock.ttlMs > physicalMs(currentTs)) {
      // Not 0, whatever the lock says: that would read as a transaction that is rolled back.
      const lockTtlMs = Math.max(1, lock.ttlMs);
      return { modifies: [], answer: { ...ROLLED_BACK, lockTtlMs } };
    }
    // Where neither lock is more than a promise nothing has to be kept from coming late.
    if (resolvingPessimisticLock && isOwnPessimistic(lock, startTs)) {
      return {
        modifies: [unlockModify(facts.key, startTs)],
        answer: { ...ROLLED_BACK, action: 'ttl-expire-pessimistic-rollback' },
      };
    }
    return {
      modifies: [rollbackModify(facts, startTs)],
      answer: { ...ROLLED_BACK, action: 'ttl-expire-rollback' },
    };
  }
  switch (outcome.type) {
    case 'commit':
      return { modifies: [], answer: { ...ROLLED_BACK, commitTs: outcome.write.commitTs } };
    case 'rollback':
      return { modifies: [], answer: ROLLED_BACK };
    case 'none':
      if (resolvingPessimisticLock) {
        return { modifies: [], answer: { ...ROLLED_BACK, action: 'lock-not-exist-do-nothing' } };
      }
      return {
        modifies: planted('txn-check-without-rollback') ? [] : [rollbackModify(facts, startTs)],
        answer: { ...ROLLED_BACK, action: 'lock-not-exist-rollback' },
      };
  }
}
