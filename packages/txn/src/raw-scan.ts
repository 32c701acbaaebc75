import { describeBytes, EMPTY_BYTES, KvError, type KvReader, limits } from '@tinykv/base';
import {
  type ApiMode,
  family,
  type KeyRange,
  parseRawKey,
  type RawCf,
  rawRange,
  recordRange,
} from '@tinykv/model';
import { AnswerBudget } from './mvcc/answer-budget.js';
import { asDataLoss } from './mvcc/key-view.js';
import { openRawAt } from './raw-keys.js';
import type { RawPair, RawScanRequest } from './raw-requests.js';

/** A page of a scan: living pairs, and the keys whose time has come. */
interface RawPage {
  readonly pairs: readonly RawPair[];
  readonly expired: readonly Uint8Array[];
}

interface RawStretch {
  readonly api: ApiMode;
  readonly cf: RawCf;
  /** Of location keys. */
  readonly range: KeyRange;
  /** The time by which keys are judged; undefined: none of them has a time to live. */
  readonly now: number | undefined;
}

const EVERYWHERE: KeyRange = { start: EMPTY_BYTES, end: EMPTY_BYTES };

/** `limit` counts living pairs. Throws AnswerTooLargeError. */
export async function* rawPages(
  snapshot: KvReader,
  stretch: RawStretch,
  { reverse, keyOnly, limit }: RawScanRequest,
): AsyncGenerator<RawPage, void, void> {
  const { api, cf, range, now } = stretch;
  const budget = new AnswerBudget();
  // When a key expires stands behind its value.
  const keysOnly = keyOnly && now === undefined;
  const iterator = snapshot.iterator({ ...rawRange(cf, range), reverse, keysOnly });
  let hasMetExpired = false;
  try {
    for (let left = limit; left > 0; ) {
      // Expired keys come in crowds, and each page waits for the removal of its own.
      const wanted = hasMetExpired ? limits.scanPageKeys : left;
      const entries = await iterator.next(Math.min(wanted, limits.scanPageKeys));
      if (entries.length === 0) return;
      const pairs: RawPair[] = [];
      const expired: Uint8Array[] = [];
      for (const [at, bytes] of entries) {
        if (pairs.length === left) break;
        const key = rawUserKey(api, at);
        const record = keysOnly ? undefined : openRawAt(key, at, bytes);
        if (record?.expiresAt !== undefined && record.expiresAt <= judgedAt(key, now)) {
          expired.push(key);
          continue;
        }
        const value = keyOnly || record === undefined ? EMPTY_BYTES : record.value;
        budget.spend(key, value.length);
        pairs.push({ key, value });
      }
      left -= pairs.length;
      hasMetExpired ||= expired.length > 0;
      yield { pairs, expired };
    }
  } finally {
    await iterator.close();
  }
}

function judgedAt(key: Uint8Array, now: number | undefined): number {
  if (now !== undefined) return now;
  throw new KvError('DATA_LOSS', `raw key ${describeBytes(key)} has lost the record of its expiry`);
}

/** Whether keys of the range have a time to live, or had one not long ago. */
export async function hasExpiries(
  snapshot: KvReader,
  api: ApiMode,
  range: KeyRange = EVERYWHERE,
): Promise<boolean> {
  const iterator = snapshot.iterator({
    ...recordRange(api, family.expiry, range),
    keysOnly: true,
  });
  try {
    return (await iterator.next(1)).length > 0;
  } finally {
    await iterator.close();
  }
}

function rawUserKey(api: ApiMode, at: Uint8Array): Uint8Array {
  try {
    return parseRawKey(api, at);
  } catch (error) {
    throw asDataLoss(error, 'raw key', at);
  }
}
