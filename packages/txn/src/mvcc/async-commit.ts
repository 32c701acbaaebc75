import { maxTimestamp, type Timestamp, TS_ZERO } from '@tinykv/base';
import type { LockInfo } from '@tinykv/model';
import { type Decision, lockInfo } from './decision.js';
import type { KeyFacts, TxnKeyFacts } from './key-view.js';
import { isReplay } from './prewrite.js';
import { rollbackModify } from './rollback.js';

/**
 * The lowest timestamp at which keys may be committed that are prewritten for async commit: `fresh` for those
 * that are locked now, what its lock says for a key that was locked before. It must be exact, since everybody
 * who looks at the locks computes the commit timestamp from them. 0: one of the locks is an ordinary one.
 */
export function lowestCommitTs(
  facts: readonly KeyFacts[],
  startTs: Timestamp,
  fresh: Timestamp,
): Timestamp {
  let lowest = TS_ZERO;
  for (const fact of facts) {
    const own = fact.lock?.startTs === startTs ? fact.lock : undefined;
    if (own !== undefined && isReplay(fact, { startTs })) {
      if (own.secondaries === undefined) return TS_ZERO;
      lowest = maxTimestamp(lowest, own.minCommitTs);
    } else {
      // A pessimistic lock whose place is taken keeps what it has promised.
      lowest = maxTimestamp(lowest, maxTimestamp(fresh, own?.minCommitTs ?? TS_ZERO));
    }
  }
  return lowest;
}

/** What is known of keys of a transaction that commits asynchronously. */
export interface SecondariesStatus {
  /** Of every key, or the transaction has ended. */
  readonly locks: readonly LockInfo[];
  /** Of a transaction that has ended; 0: it is rolled back. */
  readonly commitTs: Timestamp;
}

/**
 * Whether all keys are prewritten. One that is not never will be: then the transaction is rolled back, and this
 * leaves the record that its late prewrite will find (TiKV's CheckSecondaryLocks).
 */
export function checkSecondaries(
  facts: readonly TxnKeyFacts[],
  startTs: Timestamp,
): Decision<SecondariesStatus> {
  const locks: LockInfo[] = [];
  for (const fact of facts) {
    const { key, lock, outcome } = fact;
    if (lock?.startTs === startTs && lock.kind !== 'pessimistic') {
      locks.push(lockInfo(key, lock));
    } else if (outcome.type === 'commit') {
      return { modifies: [], answer: { locks: [], commitTs: outcome.write.commitTs } };
    } else {
      const modifies = outcome.type === 'rollback' ? [] : [rollbackModify(fact, startTs)];
      return { modifies, answer: { locks: [], commitTs: TS_ZERO } };
    }
  }
  return { modifies: [], answer: { locks, commitTs: TS_ZERO } };
}
