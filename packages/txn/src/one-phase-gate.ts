import { type Env, minTimestamp, type Timestamp, TS_MAX, TS_ZERO } from '@tinykv/base';
import type { RegionView } from '@tinykv/model';
import type { ConcurrencyManager, MemoryLocks } from './concurrency.js';
import { MaxTsSync } from './max-ts-sync.js';
import { TimestampBound, type TimestampVerdict } from './timestamp-bound.js';

/** Decides which reads count, and chooses commit timestamps above them where the store may. */
export class OnePhaseGate {
  readonly #concurrency: ConcurrencyManager;
  readonly #bound: TimestampBound;
  readonly #sync: MaxTsSync;

  constructor(env: Env, concurrency: ConcurrencyManager, timestamp: () => Promise<Timestamp>) {
    this.#concurrency = concurrency;
    this.#bound = new TimestampBound(env, timestamp);
    this.#sync = new MaxTsSync(concurrency, this.#bound);
  }

  /**
   * Undefined: the read of these keys (without keys: of a range) counts, at once. False: its timestamp is ahead of the
   * cluster, it must not be served.
   */
  admit(ts: Timestamp, keys?: readonly Uint8Array[]): Promise<boolean> | undefined {
    if (!this.#bound.covers(ts)) return this.#admitVerified(ts, keys);
    this.#count(ts, keys);
    return undefined;
  }

  async #admitVerified(ts: Timestamp, keys: readonly Uint8Array[] | undefined): Promise<boolean> {
    // Reads do not wait for a scheduler that is away; commits above them do.
    if ((await this.#bound.verify(ts)) === 'ahead') return false;
    this.#count(ts, keys);
    return true;
  }

  /** The read is served: no commit of its keys may lie below it, if its timestamp was granted. */
  #count(ts: Timestamp, keys: readonly Uint8Array[] | undefined): void {
    if (this.#bound.isGranted(ts)) this.#concurrency.raiseMaxTs(ts);
    else this.#concurrency.readUnproven(ts, keys);
  }

  /**
   * For a timestamp that is to be written. Undefined: it may have been granted, as far as is known without asking.
   * Unlike a read, a write cannot be taken back: it does not go on where the scheduler alone could tell.
   */
  mayHaveBeenGranted(ts: Timestamp): Promise<TimestampVerdict> | undefined {
    return this.#bound.covers(ts) ? undefined : this.#bound.verifyWrite(ts);
  }

  /** Whether the leader of this view may choose commit timestamps; if not, it soon will. */
  isOpen(view: RegionView): boolean {
    return this.#sync.isSynced(view);
  }

  /**
   * Chooses the commit timestamp of these locks, or the lowest that async commit may give: above every read that was served,
   * but not ahead of what the scheduler has granted. A version in the future would be missed by a snapshot that begins
   * after the answer: a chain of "the newest and one more" runs there, and so does a transaction whose locks have seen
   * the newest version of their keys.
   *
   * `clientTs` was granted to the client that names it. False: the scheduler is away, or its timestamps lie below.
   */
  async choose(locks: MemoryLocks, clientTs: Timestamp): Promise<boolean> {
    if (this.isChosen(locks, clientTs)) return true;
    return (await this.#prove(locks)) && this.#isReached(locks.commitTs, clientTs);
  }

  /** As {@link choose}, as far as it can be told without the scheduler. */
  isChosen(locks: MemoryLocks, clientTs: Timestamp): boolean {
    return this.#isProven(locks) && this.#isReached(locks.commitTs, clientTs);
  }

  #isReached(commitTs: Timestamp, clientTs: Timestamp): boolean {
    return commitTs <= clientTs + 1n || this.#bound.isGranted(commitTs - 1n);
  }

  /** Whether the timestamp of these locks lies above all granted reads, as far as is known now; raises it where that helps. */
  #isProven(locks: MemoryLocks): boolean {
    const { unprovenTs } = locks;
    if (this.#bound.isGranted(unprovenTs)) locks.raise(unprovenTs + 1n);
    return unprovenTs < locks.commitTs;
  }

  /**
   * Asks the scheduler which of the reads count, and raises the timestamp above them. False: the scheduler is away.
   *
   * The keys are locked before the question. So all reads that do not wait for the lock came before it, and those of
   * them at a granted timestamp are at or below the answer.
   */
  async #prove(locks: MemoryLocks): Promise<boolean> {
    const granted = await this.#bound.ask();
    if (granted === undefined) return false;
    locks.raise(minTimestamp(locks.unprovenTs, granted) + 1n);
    return true;
  }

  /** The part of a timestamp that a client has named which certainly was granted; 0 when the scheduler is away. */
  async grantedUpTo(ts: Timestamp): Promise<Timestamp> {
    if (ts === TS_MAX || this.#bound.isGranted(ts)) return ts;
    const granted = await this.#bound.ask();
    return granted === undefined ? TS_ZERO : minTimestamp(ts, granted);
  }
}
