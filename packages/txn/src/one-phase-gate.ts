import type { Logger, Timestamp } from '@tinykv/base';
import type { RegionView } from '@tinykv/model';
import type { ConcurrencyManager } from './concurrency.js';
import { MaxTsSync } from './max-ts-sync.js';
import { TimestampBound } from './timestamp-bound.js';

/** Decides which reads count and whether the store may choose a commit timestamp now. */
export class OnePhaseGate {
  readonly #concurrency: ConcurrencyManager;
  readonly #bound: TimestampBound;
  readonly #sync: MaxTsSync;
  #isSettling = false;

  constructor(
    concurrency: ConcurrencyManager,
    timestamp: () => Promise<Timestamp>,
    logger: Logger,
  ) {
    this.#concurrency = concurrency;
    this.#bound = new TimestampBound(timestamp, logger);
    this.#sync = new MaxTsSync(concurrency, this.#bound);
  }

  /** Undefined: the read counts, at once. False: its timestamp is ahead of the cluster, it must not be served. */
  admit(ts: Timestamp): Promise<boolean> | undefined {
    if (this.#bound.covers(ts)) {
      this.#concurrency.raiseMaxTs(ts);
      return undefined;
    }
    return this.#admitVerified(ts);
  }

  async #admitVerified(ts: Timestamp): Promise<boolean> {
    const verdict = await this.#bound.verify(ts);
    if (verdict === 'granted') this.#concurrency.raiseMaxTs(ts);
    // Reads do not wait for a scheduler that is away; commits in one phase do.
    if (verdict === 'unknown') this.#concurrency.readUnverified(ts);
    return verdict !== 'ahead';
  }

  /** Whether the leader of this view may choose commit timestamps; if not, it soon will. */
  isOpen(view: RegionView): boolean {
    const { unverified } = this.#concurrency;
    if (unverified === undefined) return this.#sync.isSynced(view);
    if (!this.#isSettling) void this.#settle(unverified);
    return false;
  }

  async #settle(ts: Timestamp): Promise<void> {
    this.#isSettling = true;
    const verdict = await this.#bound.verify(ts);
    this.#isSettling = false;
    // A higher one may have come meanwhile: the next commit asks again.
    if (verdict === 'unknown' || this.#concurrency.unverified !== ts) return;
    this.#concurrency.settleUnverified(verdict === 'granted');
  }
}
