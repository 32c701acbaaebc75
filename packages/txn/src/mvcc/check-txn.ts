import { nothingPlanted, type Planted, physicalMs, type Timestamp, TS_ZERO } from '@tinykv/base';
import type { Decision } from './decision.js';
import type { TxnKeyFacts } from './key-view.js';
import { rollbackModify } from './rollback.js';

export interface TxnStatus {
  /** Milliseconds; 0: the transaction has no lock on its primary (any more). */
  readonly lockTtlMs: number;
  /** 0: not committed. */
  readonly commitTs: Timestamp;
  readonly action: 'none' | 'ttl-expire-rollback' | 'lock-not-exist-rollback';
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
): Decision<TxnStatus> {
  const { lock, outcome } = facts;
  if (lock?.startTs === startTs) {
    if (physicalMs(startTs) + lock.ttlMs > physicalMs(currentTs)) {
      // Not 0, whatever the lock says: that would read as a transaction that is rolled back.
      const lockTtlMs = Math.max(1, lock.ttlMs);
      return { modifies: [], answer: { ...ROLLED_BACK, lockTtlMs } };
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
      return {
        modifies: planted('txn-check-without-rollback') ? [] : [rollbackModify(facts, startTs)],
        answer: { ...ROLLED_BACK, action: 'lock-not-exist-rollback' },
      };
  }
}
