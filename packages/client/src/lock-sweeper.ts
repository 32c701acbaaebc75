import { EMPTY_BYTES, KvError, limits, nextKey, type Timestamp, TS_MAX } from '@tinykv/base';
import { describeKeyError, locationKey, userKeyOfBound } from '@tinykv/model';
import { keyErrorFromWire, lockFromWire, tinykvtxn } from '@tinykv/proto';
import { LockResolver } from './lock-resolver.js';
import type { Router } from './router.js';

/** For one page of locks: long enough for a Region that has lost its leader to find another. */
const PAGE_TIMEOUT_MS = 20_000;

const { kvScanLock } = tinykvtxn.Txn;

/**
 * Clears the locks of transactions that began before a safe point out of the whole cluster, so that nobody will ask
 * any more what became of those transactions. They can read nothing: those that live are rolled back.
 *
 * A Region that has been looked through may get further such locks, but none of a transaction that is committed at or
 * below the safe point: looking for locks counts there as a read at it.
 */
export class LockSweeper {
  readonly #router: Router;
  readonly #resolver: LockResolver;

  constructor(router: Router) {
    this.#router = router;
    // By the end of time every lock has expired.
    this.#resolver = new LockResolver(router, async () => TS_MAX);
  }

  /** Resolves, with the number of locks that were met, when none is left. Throws as the router does. */
  async sweep(safePoint: Timestamp): Promise<number> {
    let met = 0;
    let from: Uint8Array | undefined = EMPTY_BYTES;
    while (from !== undefined) {
      const page = await this.#sweepPage(from, safePoint);
      met += page.met;
      from = page.next;
    }
    return met;
  }

  async #sweepPage(
    startKey: Uint8Array,
    safePoint: Timestamp,
  ): Promise<{ readonly met: number; readonly next: Uint8Array | undefined }> {
    const { api } = this.#router;
    const operation = this.#router.begin('repeatable', PAGE_TIMEOUT_MS);
    const region = await this.#router.locate(locationKey(api, startKey), operation);
    const limit = limits.scanPageKeys;
    const response = await this.#router.sendToRegion(
      region,
      kvScanLock,
      (context) => ({ context, startKey, maxVersion: safePoint, limit }),
      operation,
    );
    if (response === undefined) return { met: 0, next: startKey };
    if (response.error !== undefined) {
      throw new KvError('INTERNAL', describeKeyError(keyErrorFromWire(response.error)));
    }
    const found = response.locks.map(lockFromWire);
    const old = found.filter(({ startTs }) => startTs < safePoint);
    if ((await this.#resolver.resolve(old, operation)) > 0) {
      throw new KvError('INTERNAL', `locks from before ${safePoint} do not expire`);
    }
    const last = found.length < limit ? undefined : found.at(-1)?.key;
    if (last !== undefined) return { met: old.length, next: nextKey(last) };
    const end = userKeyOfBound(api, region.range.end);
    return { met: old.length, next: end.length === 0 ? undefined : end };
  }
}
