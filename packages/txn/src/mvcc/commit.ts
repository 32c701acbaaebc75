import {
  assert,
  describeBytes,
  err,
  maxTimestamp,
  ok,
  type Timestamp,
  TS_ZERO,
} from '@tinykv/base';
import {
  encodeHistoryWrite,
  encodeNewest,
  historyKey,
  type KeyError,
  type LockRecord,
  type Modify,
  type NewestRecord,
  newestKey,
  type WriteKind,
  type WriteRecord,
} from '@tinykv/model';
import { abortError, type Decision, decideAll, type KeyDecision, NOTHING } from './decision.js';
import type { TxnKeyFacts } from './key-view.js';

export interface CommitTxn {
  readonly startTs: Timestamp;
  readonly commitTs: Timestamp;
  /** Answer an error where TinyKV answers success: no lock and no trace of the transaction. */
  readonly strict: boolean;
}

/** Percolator §2.2: turns the locks of a transaction into committed versions, all keys or none. */
export function commit(
  facts: readonly TxnKeyFacts[],
  txn: CommitTxn,
): Decision<KeyError | undefined> {
  if (txn.commitTs <= txn.startTs) {
    const message = `commit_ts ${txn.commitTs} is not above start_ts ${txn.startTs}`;
    return { modifies: [], answer: { type: 'abort', message } };
  }
  return decideAll(facts, (fact) => commitKey(fact, txn));
}

export function commitKey(facts: TxnKeyFacts, txn: CommitTxn): KeyDecision {
  const { key, lock, newest, outcome } = facts;
  if (lock?.startTs === txn.startTs) {
    if (lock.kind === 'pessimistic') {
      // What the transaction would write here is not known, so it cannot be said to be committed.
      const message = `transaction ${txn.startTs} has not prewritten key ${describeBytes(key)}`;
      return err({ type: 'retryable', message });
    }
    if (txn.commitTs < lock.minCommitTs) {
      const { startTs, commitTs } = txn;
      const { minCommitTs } = lock;
      return err({ type: 'commit-ts-expired', startTs, commitTs, key, minCommitTs });
    }
    const former = newest?.write?.commitTs ?? TS_ZERO;
    if (txn.commitTs <= former) {
      // Nobody else has written the key since it was locked: a timestamp that was fetched then lies above.
      const message = `commit_ts ${txn.commitTs} is not above ${former}, the newest version's`;
      return err(abortError(message, key));
    }
    return ok(commitLock(key, lock, lock.kind, newest, txn.commitTs));
  }
  if (outcome.type === 'commit') {
    const { commitTs } = outcome.write;
    // A client that believes in another commit timestamp must not be told that it is right.
    if (!txn.strict || commitTs === txn.commitTs) return NOTHING;
    const message = `transaction ${txn.startTs} is committed at ${commitTs}, not at ${txn.commitTs}`;
    return err(abortError(message, key));
  }
  if (outcome.type === 'rollback') {
    return err(abortError(`transaction ${txn.startTs} is rolled back`, key));
  }
  // TinyKV's course tests ask for success when nothing at all is there; a client that wants to know the
  // truth says so.
  if (lock === undefined && !txn.strict) return NOTHING;
  return err({
    type: 'retryable',
    message: `lock of transaction ${txn.startTs} not found: key ${describeBytes(key)}`,
  });
}

type CommitModify = Extract<Modify, { type: 'commit' }>;

function commitLock(
  key: Uint8Array,
  { startTs, shortValue }: LockRecord,
  kind: WriteKind,
  newest: NewestRecord | undefined,
  commitTs: Timestamp,
): CommitModify {
  const write: WriteRecord = { kind, startTs, commitTs, shortValue };
  return { ...placeWrite(key, write, newest), unlock: true };
}

/** Puts a committed record in its place; the key is not locked. */
export function placeWrite(
  key: Uint8Array,
  write: WriteRecord,
  newest: NewestRecord | undefined,
): CommitModify {
  const { startTs, commitTs } = write;
  const former = newest?.write;
  const otherTs = newest?.otherTs ?? TS_ZERO;
  assert(former === undefined || former.commitTs < commitTs, 'a version below the newest');
  const done = { type: 'commit', key, startTs, unlock: false } as const;
  if (write.kind === 'lock') {
    const raised: NewestRecord = { write: former, otherTs: maxTimestamp(otherTs, commitTs) };
    return { ...done, ...place(key, raised, write) };
  }
  return { ...done, ...place(key, { write, otherTs }, former) };
}

/** The record that is now the newest, and what goes to the history. */
function place(
  key: Uint8Array,
  newest: NewestRecord,
  moved: WriteRecord | undefined,
): Pick<CommitModify, 'newest' | 'history' | 'longValue'> {
  return {
    newest: encodeNewest(newestKey(key), newest),
    history: moved && {
      ts: moved.commitTs,
      record: encodeHistoryWrite(historyKey(key, moved.commitTs, 'w'), moved),
    },
    longValue: undefined,
  };
}
