import type { Span } from '@opentelemetry/api';
import { type Timestamp, TS_MAX } from '@tinykv/base';
import { checkAborted, orAborted } from './abort.js';
import { BackgroundWork } from './background-work.js';
import { Backoff } from './backoff.js';
import { CallLimits, type CallOptions, DEFAULT_TIMEOUT_MS } from './call-limits.js';
import { checkCount } from './check-count.js';
import type { Committed } from './committed.js';
import { ContendedKeys } from './contended-keys.js';
import { LockWaitTimeoutError, RetryableTxnError } from './errors.js';
import { inTime } from './in-time.js';
import { type KeyRead, type KeyReader, KeyReads } from './key-reads.js';
import type { OneKeyWriter } from './one-key-calls.js';
import type { OneKeyResult, OneKeyWrite } from './one-key-wire.js';
import { OneKeyWrites } from './one-key-writes.js';
import { ReadSnapshot } from './read-snapshot.js';
import { type Isolation, type ReadVersions, Snapshot } from './snapshot.js';
import { traced } from './tracing.js';
import { Txn } from './txn.js';
import type { TxnContext } from './txn-context.js';
import { checkTxnOptions, type RunState, type TxnOptions } from './txn-options.js';

/** `lifetimeMs` is for all runs together. */
export interface RunOptions extends TxnOptions {
  /** How often a transaction that lost against another one is run again; default 20. */
  readonly retries?: number;
}

/** `timeoutMs` is for each call, `signal` ends all of them. */
export interface SnapshotOptions extends CallOptions {
  /** Default: snapshot. */
  readonly isolation?: Isolation | undefined;
}

const DEFAULT_RETRIES = 20;

/** Begins transactions and looks after what they leave to be done. */
export class TxnClient {
  readonly #context: TxnContext;
  readonly #newest: ReadSnapshot;
  readonly #reads: KeyReads;
  readonly #writes: OneKeyWrites;
  readonly #background = new BackgroundWork();

  constructor(context: TxnContext) {
    this.#context = context;
    const { env, router, resolver } = context;
    const defer = (fn: () => void): void => env.clock.defer(fn);
    this.#writes = new OneKeyWrites(router, resolver, defer, this.#background);
    this.#newest = this.#snapshotAt(TS_MAX, {});
    this.#reads = new KeyReads(router, resolver);
  }

  /** Throws KvError when the scheduler gives no timestamp. */
  begin(options: TxnOptions = {}): Promise<Txn> {
    return this.#begin(options, { isRun: false, locksAhead: false, isRunAgain: false });
  }

  async #begin(options: TxnOptions, run: RunState): Promise<Txn> {
    const beganAt = this.#context.env.clock.mono();
    this.#context.router.life.calls.check();
    checkAborted(options.signal);
    checkTxnOptions(options);
    const { lifetimeMs } = options;
    const startTs = await this.#timestampWithin(options, lifetimeMs);
    return new Txn(this.#context, startTs, beganAt, { ...options, ...run }, this.#background);
  }

  /** As {@link Transactions} says. */
  run<T>(fn: (txn: Txn) => Promise<T>, options: RunOptions = {}): Promise<T> {
    return traced('tinykv.txn', (span) => this.#run(fn, options, span, undefined));
  }

  /** As {@link Transactions} says. */
  async runWithCommitTs<T>(
    fn: (txn: Txn) => Promise<T>,
    options: RunOptions = {},
  ): Promise<Committed<T>> {
    const told: { commitTs: Timestamp | undefined } = { commitTs: undefined };
    const result = await traced('tinykv.txn', (span) => this.#run(fn, options, span, told));
    return { result, ...told };
  }

  async #run<T>(
    fn: (txn: Txn) => Promise<T>,
    options: RunOptions,
    span: Span | undefined,
    told: { commitTs: Timestamp | undefined } | undefined,
  ): Promise<T> {
    const { env, metrics } = this.#context;
    checkTxnOptions(options);
    const { lifetimeMs = Number.POSITIVE_INFINITY, retries = DEFAULT_RETRIES } = options;
    const deadline = env.clock.mono() + lifetimeMs;
    const { calls, signals } = this.#context.router.life;
    const signal = signals.share(options.signal);
    const backoff = new Backoff(env, deadline, undefined, undefined, calls);
    const contended = new ContendedKeys();
    for (let left = retries; ; left--) {
      const ahead = contended.keys();
      const within = { ...options, lifetimeMs: backoff.remainingMs() };
      const run = { isRun: true, locksAhead: ahead.length > 0, isRunAgain: left > 0 };
      const txn = await this.#begin(within, run);
      let failure: RetryableTxnError;
      try {
        if (ahead.length > 0) await txn.lockAhead(ahead);
        const result = await fn(txn);
        const commitTs = await txn.endRun();
        if (told !== undefined) told.commitTs = commitTs;
        return result;
      } catch (error) {
        const mayBeCommitted = await txn.abandonRun();
        if (mayBeCommitted || !mayRunAgain(error, txn, options) || left <= 0) throw error;
        failure = error;
      }
      // Who locks what was in the way waits for its turn there, no sooner.
      const waitsInLine = contended.add(txn.contended);
      if (!waitsInLine && !(await orAborted(signal, backoff.pause('txn-retry')))) throw failure;
      metrics.reruns.add();
      span?.addEvent('run again', { reason: failure.name });
    }
  }

  /** Throws KvError when it needs a timestamp and the scheduler gives none. */
  async snapshot(ts?: Timestamp, options: SnapshotOptions = {}): Promise<ReadSnapshot> {
    this.#context.router.life.calls.check();
    checkCount(options.timeoutMs, 'timeoutMs');
    checkAborted(options.signal);
    const at = ts ?? (await this.#timestampWithin(options));
    return this.#snapshotAt(at, options);
  }

  /** The newest committed value of one key. */
  getNewest(key: Uint8Array, options?: CallOptions): Promise<Uint8Array | undefined> {
    return this.#newest.get(key, options);
  }

  /** What each key is at `ts`; at TS_MAX the newest, each for itself, without a timestamp from the scheduler. */
  snapshotVersions(
    keys: readonly Uint8Array[],
    ts: Timestamp = TS_MAX,
    options: CallOptions = {},
  ): Promise<ReadVersions> {
    const snapshot = ts === TS_MAX ? this.#newest : this.#snapshotAt(ts, {});
    return snapshot.versions(keys, options);
  }

  #snapshotAt(ts: Timestamp, options: SnapshotOptions): ReadSnapshot {
    const { router, resolver } = this.#context;
    const stored = new Snapshot(router, resolver, ts, options.isolation);
    return new ReadSnapshot(stored, new CallLimits(router, options));
  }

  /** No longer than the limits of a call let it be waited for. */
  #timestampWithin(
    { signal, timeoutMs = DEFAULT_TIMEOUT_MS }: CallOptions,
    lifetimeMs: number = Number.POSITIVE_INFINITY,
  ): Promise<Timestamp> {
    const { env, router, timestamp } = this.#context;
    const ms = Math.max(0, Math.min(timeoutMs, lifetimeMs));
    const what = 'a timestamp of the scheduler';
    const shared = router.life.signals.share(signal);
    return orAborted(shared, inTime(env.clock, router.life.calls, timestamp(), ms, what));
  }

  /** As {@link Transactions.writeOneKey}. */
  async writeOneKey(
    write: OneKeyWrite,
    { timeoutMs = DEFAULT_TIMEOUT_MS }: Pick<CallOptions, 'timeoutMs'> = {},
  ): Promise<OneKeyResult> {
    checkCount(timeoutMs, 'timeoutMs');
    return this.#writes.write(write, timeoutMs);
  }

  /** As {@link Transactions.writeOneKeys}. */
  writeOneKeys<W extends OneKeyWrite>(
    writes: readonly W[],
    timeoutMs: number,
    writer: OneKeyWriter<W>,
  ): void {
    checkCount(timeoutMs, 'timeoutMs');
    this.#writes.writeAll(writes, timeoutMs, writer);
  }

  /** As {@link Transactions.readNewest}. */
  readNewest<R extends KeyRead>(
    reads: readonly R[],
    timeoutMs: number,
    reader: KeyReader<R>,
  ): void {
    checkCount(timeoutMs, 'timeoutMs');
    this.#context.router.life.calls.check();
    this.#reads.read(reads, TS_MAX, timeoutMs, reader);
  }

  /** As {@link Transactions.readAt}. */
  readAt<R extends KeyRead>(
    reads: readonly R[],
    ts: Timestamp,
    timeoutMs: number,
    reader: KeyReader<R>,
  ): void {
    checkCount(timeoutMs, 'timeoutMs');
    this.#context.router.life.calls.check();
    this.#reads.read(reads, ts, timeoutMs, reader);
  }

  /** A fresh timestamp of the cluster. */
  async timestamp(options: CallOptions = {}): Promise<Timestamp> {
    this.#context.router.life.calls.check();
    checkAborted(options.signal);
    return this.#timestampWithin(options);
  }

  /** Waits until no commit is under way and nothing goes on in the background, or for as long as this. */
  async settle(timeoutMs: number): Promise<void> {
    if (this.#background.size === 0) return;
    const { clock, logger } = this.#context.env;
    await new Promise<void>((resolve) => {
      const timer = clock.after(timeoutMs, () => {
        logger.warn('transactions were not ended in time', { count: this.#background.size });
        resolve();
      });
      void this.#background.settle().then(() => {
        timer.cancel();
        resolve();
      });
    });
  }
}

/**
 * The failure of another transaction is no reason: running this one again would only repeat the other. A pessimistic
 * transaction has said how long it waits for locks, so that is the end of it.
 */
function mayRunAgain(
  error: unknown,
  txn: Txn,
  { pessimistic }: RunOptions,
): error is RetryableTxnError {
  if (error instanceof LockWaitTimeoutError && pessimistic) return false;
  return error instanceof RetryableTxnError && txn.isOwnFailure(error);
}
