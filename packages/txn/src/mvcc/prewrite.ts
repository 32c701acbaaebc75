import {
  equalBytes,
  err,
  keyString,
  maxTimestamp,
  ok,
  type Timestamp,
  TS_ZERO,
} from '@tinykv/base';
import {
  encodeLock,
  type KeyError,
  type LockRecord,
  lockKey,
  type Modify,
  shortValueBytesMax,
} from '@tinykv/model';
import { type Decision, type KeyDecision, lockedError, NOTHING } from './decision.js';
import { type KeyFacts, newestTs } from './key-view.js';
import { boundedTtl } from './lock-life.js';
import { isOwnPessimistic, lostLock } from './pessimistic.js';

/** `lock` guards a key that the transaction read and does not change. */
export type Mutation = {
  readonly key: Uint8Array;
  /** The transaction has locked the key pessimistically: the lock stands for every check. */
  readonly isLocked?: boolean;
  /** The `for_update_ts` of that lock; 0: whatever it is. */
  readonly lockedAt?: Timestamp;
} & (
  | { readonly kind: 'put'; readonly value: Uint8Array }
  | { readonly kind: 'delete' }
  | { readonly kind: 'lock' }
);

export interface PrewriteTxn {
  readonly primary: Uint8Array;
  readonly startTs: Timestamp;
  readonly ttlMs: number;
  /** Of a pessimistic transaction; 0: optimistic. */
  readonly forUpdateTs?: Timestamp;
  /** The commit timestamp will not be below it. */
  readonly minCommitTs?: Timestamp;
  /** With it the transaction is committed once all its keys are prewritten. */
  readonly asyncCommit?: { readonly secondaries: readonly Uint8Array[] } | undefined;
}

/** One mutation for each key: a key that is named twice keeps the place of its first and the content of its last. */
export function lastMutations(mutations: readonly Mutation[]): readonly Mutation[] {
  if (mutations.length < 2) return mutations;
  return [...new Map(mutations.map((mutation) => [keyString(mutation.key), mutation])).values()];
}

/**
 * Percolator §2.2: locks every key, or none when any of them fails. `facts[i]` belongs to
 * `mutations[i]`; the answer has one error for each failing key.
 */
export function prewrite(
  facts: readonly KeyFacts[],
  mutations: readonly Mutation[],
  txn: PrewriteTxn,
): Decision<readonly KeyError[]> {
  const modifies: Modify[] = [];
  const errors: KeyError[] = [];
  for (const [i, mutation] of mutations.entries()) {
    const decision = prewriteKey(facts[i]!, mutation, txn);
    if (!decision.ok) errors.push(decision.error);
    else if (decision.value !== undefined) modifies.push(decision.value);
  }
  return { modifies: errors.length > 0 ? [] : modifies, answer: errors };
}

/** Whether a prewrite of these keys would lock each of them now, for the first time. */
export function isFreeToLock(facts: readonly KeyFacts[], txn: PrewriteTxn): boolean {
  return facts.every((fact) => !isReplay(fact, txn) && obstacle(fact, txn) === undefined);
}

function prewriteKey(facts: KeyFacts, mutation: Mutation, txn: PrewriteTxn): KeyDecision {
  const { lock } = facts;
  if (isReplay(facts, txn)) return NOTHING;
  const held = isOwnPessimistic(lock, txn.startTs) ? lock : undefined;
  const error = mutation.isLocked
    ? lostLock(facts, mutation.lockedAt ?? TS_ZERO, txn)
    : obstacle({ ...facts, lock: held === undefined ? lock : undefined }, txn);
  return error === undefined ? ok(lockModify(mutation, txn, held)) : err(error);
}

/** Nothing was committed here since the transaction took its lock, whatever later rollbacks say. */
export function isReplay({ lock }: KeyFacts, txn: Pick<PrewriteTxn, 'startTs'>): boolean {
  return lock?.startTs === txn.startTs && lock.kind !== 'pessimistic';
}

/** Why the key cannot be locked. */
function obstacle({ key, lock, newest }: KeyFacts, txn: PrewriteTxn): KeyError | undefined {
  // A rollback of this very transaction counts too, at its own startTs: a late prewrite must not come
  // back to life after another client has declared the transaction dead.
  const conflictTs = newestTs(newest);
  if (newest !== undefined && conflictTs >= txn.startTs) {
    return { type: 'conflict', startTs: txn.startTs, conflictTs, key, primary: txn.primary };
  }
  return lock === undefined ? undefined : lockedError(key, lock);
}

/** `held`: the transaction's pessimistic lock, whose place it takes. */
function lockModify(mutation: Mutation, txn: PrewriteTxn, held: LockRecord | undefined): Modify {
  const { key, kind } = mutation;
  const value = mutation.kind === 'put' ? mutation.value : undefined;
  const isLong = value !== undefined && value.length > shortValueBytesMax;
  const record: LockRecord = {
    kind,
    primary: txn.primary,
    startTs: txn.startTs,
    // Heartbeats and readers may have raised these meanwhile.
    ttlMs: boundedTtl(Math.max(txn.ttlMs, held?.ttlMs ?? 0)),
    forUpdateTs: txn.forUpdateTs ?? TS_ZERO,
    minCommitTs: maxTimestamp(txn.minCommitTs ?? TS_ZERO, held?.minCommitTs ?? TS_ZERO),
    secondaries: secondariesAt(key, txn),
    shortValue: isLong ? undefined : value,
  };
  return {
    type: 'lock',
    key,
    startTs: txn.startTs,
    lock: encodeLock(lockKey(key), record),
    longValue: isLong ? value : undefined,
    addsValue: value !== undefined,
  };
}

function secondariesAt(
  key: Uint8Array,
  { primary, asyncCommit }: PrewriteTxn,
): readonly Uint8Array[] | undefined {
  if (asyncCommit === undefined) return undefined;
  return equalBytes(key, primary) ? asyncCommit.secondaries : [];
}
