import { concatBytes, type KvReader, limits, type Timestamp } from '@tinykv/base';
import { type ApiMode, family, type KeyRange, type LockInfo, recordRange } from '@tinykv/model';
import { lockInfo } from './decision.js';
import { decodeLockAt } from './key-view.js';
import { userKeyOf } from './record-cursor.js';
import { ScanBudget } from './scan.js';

export interface LockScan {
  /** Location keys, already cut to the Region. */
  readonly range: KeyRange;
  /** Of transactions that began at or before it. */
  readonly maxTs: Timestamp;
  readonly limit: number;
}

/** Locks in key order: exactly `limit` while the range has them. Each page is one step of the event loop. */
export async function scanLocks(
  snapshot: KvReader,
  api: ApiMode,
  { range, maxTs, limit }: LockScan,
): Promise<readonly LockInfo[]> {
  const locks: LockInfo[] = [];
  const budget = new ScanBudget();
  const iterator = snapshot.iterator(recordRange(api, family.lock, range));
  try {
    while (locks.length < limit) {
      const page = await iterator.next(limits.scanPageKeys);
      if (page.length === 0) break;
      for (const entry of page) {
        const key = userKeyOf(entry[0]);
        const lock = decodeLockAt(key, entry);
        if (lock.startTs > maxTs || locks.length >= limit) continue;
        budget.spend(key, concatBytes(lock.primary, ...(lock.secondaries ?? [])));
        locks.push(lockInfo(key, lock));
      }
    }
  } finally {
    await iterator.close();
  }
  return locks;
}
