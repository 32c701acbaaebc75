import { type KvReader, limits, type Timestamp } from '@tinykv/base';
import { type ApiMode, family, type KeyError, type KeyRange, recordRange } from '@tinykv/model';
import { commit } from './commit.js';
import type { Decision } from './decision.js';
import { decodeLockAt, type TxnKeyFacts } from './key-view.js';
import { isOwnPessimistic, unlockModify } from './pessimistic.js';
import { userKeyOf } from './record-cursor.js';
import { rollback } from './rollback.js';

export interface ResolveTxn {
  readonly startTs: Timestamp;
  /** 0: the transaction is rolled back. */
  readonly commitTs: Timestamp;
}

/**
 * The keys that a transaction has locked in a range of location keys, up to `limits.scanPageKeys` at a
 * time. They are candidates: the caller latches them and reads them again.
 */
export async function* lockedKeys(
  snapshot: KvReader,
  api: ApiMode,
  range: KeyRange,
  { startTs }: ResolveTxn,
): AsyncGenerator<readonly Uint8Array[], void, void> {
  const iterator = snapshot.iterator(recordRange(api, family.lock, range));
  try {
    for (;;) {
      const page = await iterator.next(limits.scanPageKeys);
      if (page.length === 0) return;
      const keys: Uint8Array[] = [];
      for (const entry of page) {
        const key = userKeyOf(entry[0]);
        if (decodeLockAt(key, entry).startTs === startTs) keys.push(key);
      }
      if (keys.length > 0) yield keys;
    }
  } finally {
    await iterator.close();
  }
}

/** Ends the transaction as its primary did, on those of the keys that it still locks. */
export function resolve(
  facts: readonly TxnKeyFacts[],
  { startTs, commitTs }: ResolveTxn,
): Decision<KeyError | undefined> {
  const locked = facts.filter((fact) => fact.lock?.startTs === startTs);
  if (commitTs === 0n) return rollback(locked, startTs);
  // A pessimistic lock that a committed transaction has left was not needed: what it wrote it had prewritten.
  const isLeft = ({ lock }: TxnKeyFacts): boolean => isOwnPessimistic(lock, startTs);
  const prewritten = locked.filter((fact) => !isLeft(fact));
  const { modifies, answer } = commit(prewritten, { startTs, commitTs, strict: true });
  if (answer !== undefined) return { modifies, answer };
  const unlocks = locked.filter(isLeft).map(({ key }) => unlockModify(key, startTs));
  return { modifies: [...modifies, ...unlocks], answer };
}
