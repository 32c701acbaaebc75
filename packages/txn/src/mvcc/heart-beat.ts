import { equalBytes, err, ok, type Result, type Timestamp } from '@tinykv/base';
import { encodeLock, type KeyError, lockKey } from '@tinykv/model';
import { abortError, type Decision } from './decision.js';
import type { KeyFacts } from './key-view.js';
import { boundedTtl } from './lock-life.js';

/**
 * Lengthens the life of a transaction, which its primary's lock stands for; never shortens it. The answer is
 * the lock's time to live in milliseconds from the start, or why there is no such lock.
 */
export function heartBeat(
  { key, lock }: KeyFacts,
  startTs: Timestamp,
  wantedMs: number,
): Decision<Result<number, KeyError>> {
  if (lock?.startTs !== startTs) {
    const error = abortError(`transaction ${startTs} holds no lock`, key);
    return { modifies: [], answer: err(error) };
  }
  if (!equalBytes(lock.primary, key)) {
    const { primary } = lock;
    return { modifies: [], answer: err({ type: 'primary-mismatch', key, primary, startTs }) };
  }
  const ttlMs = boundedTtl(wantedMs);
  const heldMs = boundedTtl(lock.ttlMs);
  if (ttlMs <= heldMs) return { modifies: [], answer: ok(heldMs) };
  const longer = encodeLock(lockKey(key), { ...lock, ttlMs });
  // Without a long value: the one that is there stays.
  const modify = { type: 'lock', key, startTs, lock: longer, longValue: undefined } as const;
  return { modifies: [modify], answer: ok(ttlMs) };
}
