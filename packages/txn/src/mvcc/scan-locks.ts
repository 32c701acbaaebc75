import { type KvReader, limits, type Timestamp } from '@tinykv/base';
import { type ApiMode, family, type KeyRange, type LockInfo, recordRange } from '@tinykv/model';
import { AnswerBudget } from './answer-budget.js';
import { lockInfo } from './decision.js';
import { decodeLockAt } from './key-view.js';
import { userKeyOf } from './record-cursor.js';

export interface LockScan {
  /** Location keys, already cut to the Region. */
  readonly range: KeyRange;
  /** Of transactions that began at or before it. */
  readonly maxTs: Timestamp;
  readonly limit: number;
  /** Lets others have their turn; called after every `limits.scanPageKeys` locks. */
  readonly turn: () => Promise<void>;
}

/** Locks in key order: exactly `limit` while the range has them. Throws AnswerTooLargeError. */
export async function scanLocks(
  snapshot: KvReader,
  api: ApiMode,
  { range, maxTs, limit, turn }: LockScan,
): Promise<readonly LockInfo[]> {
  const locks: LockInfo[] = [];
  const budget = new AnswerBudget();
  const iterator = snapshot.iterator(recordRange(api, family.lock, range));
  try {
    for (let looked = 0; locks.length < limit; ) {
      const page = await iterator.next(limits.scanPageKeys);
      if (page.length === 0) break;
      for (const entry of page) {
        const key = userKeyOf(entry[0]);
        const lock = decodeLockAt(key, entry);
        if (lock.startTs > maxTs || locks.length >= limit) continue;
        const info = lockInfo(key, lock);
        budget.spendLock(info);
        locks.push(info);
      }
      looked += page.length;
      if (looked < limits.scanPageKeys) continue;
      await turn();
      looked = 0;
    }
  } finally {
    await iterator.close();
  }
  return locks;
}
