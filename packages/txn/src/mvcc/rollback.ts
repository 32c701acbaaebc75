import { err, maxTimestamp, ok, type Timestamp, TS_ZERO } from '@tinykv/base';
import {
  encodeNewest,
  encodeRollback,
  historyKey,
  type KeyError,
  type LockRecord,
  type Modify,
  newestKey,
} from '@tinykv/model';
import { abortError, type Decision, decideAll, type KeyDecision, NOTHING } from './decision.js';
import type { KeyFacts, TxnKeyFacts } from './key-view.js';

/** Ends a transaction on all keys or, when it is committed on one of them, on none. */
export function rollback(
  facts: readonly TxnKeyFacts[],
  startTs: Timestamp,
): Decision<KeyError | undefined> {
  return decideAll(facts, (fact) => rollbackKey(fact, startTs));
}

/**
 * Leaves a rollback record even where the transaction was never seen, and beside the lock of another:
 * its prewrite may still be on the way and must find the record.
 */
export function rollbackKey(facts: TxnKeyFacts, startTs: Timestamp): KeyDecision {
  const { key, outcome } = facts;
  switch (outcome.type) {
    case 'commit':
      return err(
        abortError(`transaction ${startTs} is committed at ${outcome.write.commitTs}`, key),
      );
    case 'rollback':
      return NOTHING;
    case 'none':
      return ok(rollbackModify(facts, startTs));
  }
}

export function rollbackModify({ key, lock, newest }: KeyFacts, startTs: Timestamp): Modify {
  const own = lock?.startTs === startTs ? lock : undefined;
  const otherTs = maxTimestamp(newest?.otherTs ?? TS_ZERO, startTs);
  return {
    type: 'rollback',
    key,
    startTs,
    unlock: own !== undefined,
    dropValue: own !== undefined && hasLongValue(own),
    newest: encodeNewest(newestKey(key), { write: newest?.write, otherTs }),
    record: encodeRollback(historyKey(key, startTs, 'r')),
  };
}

function hasLongValue(lock: LockRecord): boolean {
  return lock.kind === 'put' && lock.shortValue === undefined;
}
