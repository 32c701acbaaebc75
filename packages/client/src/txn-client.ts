import { limits, type Timestamp, TS_MAX } from '@tinykv/base';
import { Backoff } from './backoff.js';
import { RetryableTxnError } from './errors.js';
import { Snapshot } from './snapshot.js';
import { Txn, type TxnOptions } from './txn.js';
import type { TxnContext } from './txn-context.js';

export interface RunOptions extends TxnOptions {
  /** How often a transaction that lost against another one is run again; default 20. */
  readonly retries?: number;
}

const DEFAULT_RETRIES = 20;
const DEFAULT_TIMEOUT_MS = 10_000;

/** Transactions. */
export class TxnClient {
  readonly #context: TxnContext;
  readonly #background = new Set<Promise<void>>();

  constructor(context: TxnContext) {
    this.#context = context;
  }

  /** Throws KvError when the scheduler gives no timestamp. */
  async begin(options: TxnOptions = {}): Promise<Txn> {
    const beganAt = this.#context.env.clock.mono();
    const startTs = await this.#context.timestamp();
    return new Txn(this.#context, startTs, beganAt, options, (work) => this.#track(work));
  }

  /**
   * Runs `fn` in a transaction and commits it, again from the start while it loses against others. It is
   * never run again once it may have been committed: then {@link UndeterminedError} is thrown.
   */
  async run<T>(fn: (txn: Txn) => Promise<T>, options: RunOptions = {}): Promise<T> {
    const backoff = new Backoff(this.#context.env, Number.POSITIVE_INFINITY);
    for (let left = options.retries ?? DEFAULT_RETRIES; ; left--) {
      const txn = await this.begin(options);
      try {
        const result = await fn(txn);
        if (txn.state === 'open') await txn.commit();
        return result;
      } catch (error) {
        if (txn.state === 'open') txn.rollback();
        if (!(error instanceof RetryableTxnError) || left <= 0) throw error;
      }
      await backoff.pause('txn-retry');
    }
  }

  /**
   * The newest committed value of one key, linearizable, without a timestamp from the scheduler. Two such
   * reads are not one snapshot. Undefined: the key does not exist.
   */
  snapshotGet(key: Uint8Array, options: TxnOptions = {}): Promise<Uint8Array | undefined> {
    const { router, resolver } = this.#context;
    const operation = router.begin('repeatable', options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    return new Snapshot(router, resolver, TS_MAX).get(key, operation);
  }

  /** A fresh timestamp of the cluster. */
  timestamp(): Promise<Timestamp> {
    return this.#context.timestamp();
  }

  /** Waits until nothing goes on in the background. */
  async settle(): Promise<void> {
    while (this.#background.size > 0) await Promise.all(this.#background);
  }

  /** With too much going on in the background, a commit waits for its own part of it. */
  async #track(work: Promise<void>): Promise<void> {
    const tracked = work.then(() => {
      this.#background.delete(tracked);
    });
    this.#background.add(tracked);
    if (this.#background.size > limits.clientBackgroundTxnsMax) await tracked;
  }
}
