import { limits, type Timestamp, TS_MAX } from '@tinykv/base';
import type { Reader } from './lock-resolver.js';
import { RecentTxns } from './recent-txns.js';

const NONE: readonly Timestamp[] = [];
/** More than the keys of one request, each of which has one lock at a time. */
const PASSED_BY_REQUEST_MAX = 2 * Math.max(limits.clientBatchGetKeysMax, limits.clientScanPageKeys);

/**
 * Living transactions that the reads of a snapshot pass: they will be committed above it, if at all. Every request
 * names them, so only the last ones are kept: the primary of a transaction that is met again is asked again.
 */
export class SnapshotPasses {
  readonly #ts: Timestamp;
  /** Undefined at the greatest timestamp: what one read passes there may be committed before the next begins. */
  readonly #shared: RecentTxns | undefined;

  constructor(ts: Timestamp) {
    this.#ts = ts;
    this.#shared = ts === TS_MAX ? undefined : new RecentTxns(limits.clientPassedTxnsMax);
  }

  /** For the locks that one request meets. */
  forRequest(): RequestPasses {
    return new RequestPasses(this.#ts, this.#shared);
  }

  /** Starts for a request that has met no lock yet. */
  get starts(): readonly Timestamp[] {
    return this.#shared === undefined || this.#shared.size === 0 ? NONE : [...this.#shared];
  }
}

/**
 * Transactions that one request passes, with those that others of the snapshot passed, which must not displace its own.
 */
export class RequestPasses implements Reader {
  readonly ts: Timestamp;
  readonly #shared: RecentTxns | undefined;
  readonly #own = new RecentTxns(PASSED_BY_REQUEST_MAX);

  constructor(ts: Timestamp, shared: RecentTxns | undefined) {
    this.ts = ts;
    this.#shared = shared;
  }

  pass(startTs: Timestamp): void {
    this.#own.add(startTs);
    this.#shared?.add(startTs);
  }

  get starts(): readonly Timestamp[] {
    return [...new Set([...this.#own, ...(this.#shared ?? [])])];
  }
}
