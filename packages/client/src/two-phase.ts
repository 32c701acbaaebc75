import { assert, errorMessage, keyString, limits, type Timestamp, TS_ZERO } from '@tinykv/base';
import { locationKey, rangeContains } from '@tinykv/model';
import { keyErrorFromWire, type kvrpcpb, tinykvpb } from '@tinykv/proto';
import type { Backoff } from './backoff.js';
import { KeyLockedError, UndeterminedError } from './errors.js';
import { keyErrorToThrow } from './key-errors.js';
import type { LockResolver } from './lock-resolver.js';
import type { Operation } from './operation.js';
import { lockTtlMs, mutationToWire } from './prewrite-wire.js';
import type { CachedRegion } from './region-cache.js';
import { splitByBytes } from './split-by-bytes.js';
import { type Mutation, mutationBytes } from './txn-buffer.js';
import type { CommitInput, TxnContext } from './txn-context.js';

const PREWRITE_TIMEOUT_MS = 20_000;
const COMMIT_TIMEOUT_MS = 20_000;
const CLEANUP_TIMEOUT_MS = 20_000;

// Two transactions that wait for each other's locks would wait until one expires. So only the older of
// two waits for long (wait-die); the younger gives way, and loses little: when the older commits, this
// is a conflict anyway.
const WAIT_FOR_OLDER_MS = 100;
const WAIT_FOR_YOUNGER_MS = 5_000;

const rpc = tinykvpb.TinyKv;

/**
 * Percolator's commit: lock every key, fetch the commit timestamp, commit the primary key, and with it
 * the transaction. The other keys follow in the background; readers that meet their locks find the
 * outcome at the primary.
 *
 * A transaction whose keys lie in one Region and fit one request is committed by its store at once, as
 * TiKV's one-phase commit, unless that is not safe: then it goes on from the locks that it has.
 */
export class TwoPhaseCommit {
  readonly #context: TxnContext;
  readonly #input: CommitInput;
  readonly #primary: Uint8Array;
  /** Keys that may be locked by this transaction, by name. */
  readonly #locked = new Map<string, Uint8Array>();
  #failed = false;
  /** Of a commit in one phase. */
  #committedAt: Timestamp | undefined;
  #background: Promise<void> = Promise.resolve();

  constructor(context: TxnContext, input: CommitInput) {
    const first = input.mutations[0];
    assert(first !== undefined, 'nothing to commit');
    this.#context = context;
    this.#input = input;
    this.#primary = first.key;
  }

  /** What goes on after {@link run} has ended. Never rejects. */
  get background(): Promise<void> {
    return this.#background;
  }

  /**
   * The commit timestamp. Throws {@link RetryableTxnError} or another KvError when the transaction is
   * certainly not committed, {@link UndeterminedError} when that is not known.
   */
  async run(): Promise<Timestamp> {
    const { env, router, timestamp } = this.#context;
    const { startTs } = this.#input;
    let rest: readonly Uint8Array[];
    let commitTs: Timestamp;
    try {
      const early = env.planted('txn-early-commit-ts') ? await timestamp() : undefined;
      // The answer to a prewrite that may commit matters: not to know it is not to know the outcome.
      const effect = this.#mayTryOnePhase() ? 'decisive' : 'repeatable';
      await this.#prewrite(router.begin(effect, PREWRITE_TIMEOUT_MS));
      if (this.#committedAt !== undefined) return this.#committedAt;
      commitTs = early ?? (await timestamp());
      assert(commitTs > startTs, () => `commit_ts ${commitTs} is not after start_ts ${startTs}`);
      if (env.planted('txn-primary-committed-last'))
        await this.#commitRest(this.#others(), commitTs);
      rest = await this.#commitPrimary(commitTs, router.begin('decisive', COMMIT_TIMEOUT_MS));
    } catch (error) {
      // Whoever does not know the outcome must not clean up after it.
      if (!(error instanceof UndeterminedError)) {
        this.#background = this.#inBackground('rollback', () => this.#rollback());
      }
      throw error;
    }
    if (rest.length > 0) {
      this.#background = this.#inBackground('commit', () => this.#commitRest(rest, commitTs));
    }
    return commitTs;
  }

  /** All keys in one Region, as far as is known, and in one request. */
  #mayTryOnePhase(): boolean {
    const { onePhase, router } = this.#context;
    const { mutations, bytes } = this.#input;
    if (!onePhase || bytes > limits.txnBatchBytesMax) return false;
    const region = router.cache.find(locationKey(router.api, this.#primary));
    const last = locationKey(router.api, mutations.at(-1)!.key);
    return region === undefined || rangeContains(region.range, last);
  }

  #prewrite(operation: Operation): Promise<void> {
    return this.#context.router.sendGrouped(
      this.#input.mutations,
      (mutation) => mutation.key,
      (mutations) => splitByBytes(mutations, mutationBytes),
      (region, mutations, part) => this.#prewritePart(region, mutations, part),
      operation,
    );
  }

  async #prewritePart(
    region: CachedRegion,
    mutations: readonly Mutation[],
    operation: Operation,
  ): Promise<boolean> {
    let patience: Backoff | undefined;
    try {
      // Once another part has failed there is nothing left to wait for.
      while (!this.#failed) {
        const response = await this.#sendPrewrite(region, mutations, operation);
        if (response === undefined) return false;
        if (response.onePcCommitTs !== TS_ZERO) {
          this.#committedAt = response.onePcCommitTs;
          return true;
        }
        if (response.errors.length === 0) {
          this.#mayHoldLocks(mutations);
          return true;
        }
        patience = await this.#clearLocks(response, operation, patience);
      }
      return true;
    } catch (error) {
      this.#committedAt = await this.#lostCommit(error, operation);
      if (this.#committedAt !== undefined) return true;
      this.#failed = true;
      throw error;
    } finally {
      if (operation.maybeApplied) this.#mayHoldLocks(mutations);
    }
  }

  #sendPrewrite(
    region: CachedRegion,
    mutations: readonly Mutation[],
    operation: Operation,
  ): Promise<kvrpcpb.PrewriteResponse | undefined> {
    const { env, router } = this.#context;
    const { startTs: startVersion, bytes, beganAt } = this.#input;
    return router.sendToRegion(
      region,
      rpc.kvPrewrite,
      (context) => ({
        context,
        mutations: mutations.map(mutationToWire),
        primaryLock: this.#primary,
        startVersion,
        tryOnePc:
          operation.effect === 'decisive' && mutations.length === this.#input.mutations.length,
        lockTtl: lockTtlMs(bytes, env.clock.mono() - beganAt),
      }),
      operation,
    );
  }

  /**
   * After a prewrite that failed: an earlier attempt whose answer was lost may have committed in one phase, or
   * still do so. The question at the primary ends that; undefined: it is not committed.
   */
  async #lostCommit(failure: unknown, operation: Operation): Promise<Timestamp | undefined> {
    const isOpen = operation.effect === 'decisive' && operation.maybeApplied;
    if (!isOpen || failure instanceof UndeterminedError) return undefined;
    const status = await this.#statusAtPrimary(operation);
    return status.type === 'committed' ? status.commitTs : undefined;
  }

  /** Resolves the locks that a prewrite has met or waits a little. Throws for every other error. */
  async #clearLocks(
    response: kvrpcpb.PrewriteResponse,
    operation: Operation,
    patience: Backoff | undefined,
  ): Promise<Backoff | undefined> {
    const { startTs } = this.#input;
    const errors = response.errors.map(keyErrorFromWire);
    const locks = errors.flatMap((error) => (error.type === 'locked' ? [error.lock] : []));
    const fatal = errors.find((error) => error.type !== 'locked');
    if (fatal !== undefined) throw keyErrorToThrow(fatal, startTs);
    const waitMs = await this.#context.resolver.resolve(locks, operation);
    if (waitMs === 0) {
      if (operation.backoff.remainingMs() <= 0) throw new KeyLockedError(locks[0]!);
      return patience;
    }
    const isYounger = locks.some((lock) => lock.startTs < startTs);
    const mostMs = isYounger ? WAIT_FOR_OLDER_MS : WAIT_FOR_YOUNGER_MS;
    const waiting = patience ?? operation.backoff.forkFor(mostMs);
    if (!(await waiting.pause('key-locked', waitMs))) throw new KeyLockedError(locks[0]!);
    return waiting;
  }

  #others(): readonly Uint8Array[] {
    return this.#input.mutations.slice(1).map(({ key }) => key);
  }

  /** Commits the primary and its neighbours in one request; returns the keys that are left. */
  async #commitPrimary(commitTs: Timestamp, operation: Operation): Promise<readonly Uint8Array[]> {
    const { router } = this.#context;
    const location = locationKey(router.api, this.#primary);
    const all = this.#input.mutations.map(({ key }) => key);
    for (;;) {
      const region = await router.locate(location, operation);
      const count = this.#primaryBatchLength(region);
      const response = await this.#sendCommit(region, all.slice(0, count), commitTs, operation);
      if (response === undefined) continue;
      if (response.error === undefined) return all.slice(count);
      await this.#onCommitError(response.error, commitTs, operation);
      return all;
    }
  }

  /** How many keys go with the primary: it is the first, so its Region holds those right after it. */
  #primaryBatchLength(region: CachedRegion): number {
    const { mutations } = this.#input;
    const { api } = this.#context.router;
    let bytes = 0;
    for (let i = 0; i < mutations.length; i++) {
      const { key } = mutations[i]!;
      bytes += key.length;
      const fits = i === 0 || bytes <= limits.txnBatchBytesMax;
      if (!fits || !rangeContains(region.range, locationKey(api, key))) {
        assert(i > 0, () => `the primary is not in region ${region.id}`);
        return i;
      }
    }
    return mutations.length;
  }

  /**
   * The store says that the primary's lock is gone. Returns if it is because an earlier attempt, whose
   * answer was lost, has committed it; throws otherwise.
   */
  async #onCommitError(
    error: kvrpcpb.KeyError,
    commitTs: Timestamp,
    operation: Operation,
  ): Promise<void> {
    const failure = keyErrorToThrow(keyErrorFromWire(error), this.#input.startTs);
    if (!operation.maybeApplied) throw failure;
    const status = await this.#statusAtPrimary(operation);
    switch (status.type) {
      case 'rolled-back':
        throw failure;
      case 'alive':
        throw new UndeterminedError(`a commit may still arrive: ${failure.message}`);
      case 'committed':
        assert(status.commitTs === commitTs, () => `committed at ${status.commitTs}`);
    }
  }

  #statusAtPrimary(operation: Operation): ReturnType<LockResolver['check']> {
    const txn = { startTs: this.#input.startTs, primary: this.#primary };
    return this.#context.resolver.check(txn, operation).catch((cause: unknown) => {
      const text = `the outcome of the commit could not be found out: ${errorMessage(cause)}`;
      throw new UndeterminedError(text, { cause });
    });
  }

  #sendCommit(
    region: CachedRegion,
    keys: readonly Uint8Array[],
    commitVersion: Timestamp,
    operation: Operation,
  ): Promise<kvrpcpb.CommitResponse | undefined> {
    const { startTs: startVersion } = this.#input;
    return this.#context.router.sendToRegion(
      region,
      rpc.kvCommit,
      (context) => ({ context, startVersion, keys, commitVersion }),
      operation,
    );
  }

  #commitRest(keys: readonly Uint8Array[], commitTs: Timestamp): Promise<void> {
    return this.#sendKeys(keys, async (region, part, operation) => {
      const response = await this.#sendCommit(region, part, commitTs, operation);
      if (response?.error !== undefined) {
        throw keyErrorToThrow(keyErrorFromWire(response.error), this.#input.startTs);
      }
      return response !== undefined;
    });
  }

  #rollback(): Promise<void> {
    const { startTs: startVersion } = this.#input;
    return this.#sendKeys([...this.#locked.values()], async (region, keys, operation) => {
      const response = await this.#context.router.sendToRegion(
        region,
        rpc.kvBatchRollback,
        (context) => ({ context, startVersion, keys }),
        operation,
      );
      if (response?.error !== undefined) {
        throw keyErrorToThrow(keyErrorFromWire(response.error), startVersion);
      }
      return response !== undefined;
    });
  }

  #sendKeys(
    keys: readonly Uint8Array[],
    send: (region: CachedRegion, keys: readonly Uint8Array[], part: Operation) => Promise<boolean>,
  ): Promise<void> {
    return this.#context.router.sendGrouped(
      keys,
      (key) => key,
      (part) => splitByBytes(part, (key) => key.length),
      send,
      this.#context.router.begin('repeatable', CLEANUP_TIMEOUT_MS),
    );
  }

  /** What fails here costs time only: whoever meets a lock that is left resolves it. */
  async #inBackground(what: string, work: () => Promise<void>): Promise<void> {
    const { env } = this.#context;
    try {
      await work();
    } catch (error) {
      const startTs = String(this.#input.startTs);
      env.logger.warn(`background ${what} failed`, { startTs, error: errorMessage(error) });
      const help = 'Background commits and rollbacks that left locks to others';
      env.metrics.counter('tinykv_client_background_failures_total', help, { what }).add();
    }
  }

  #mayHoldLocks(mutations: readonly Mutation[]): void {
    for (const { key } of mutations) this.#locked.set(keyString(key), key);
  }
}
