import { keyString, limits, maxTimestamp, type Timestamp, TS_ZERO } from '@tinykv/base';
import { type LockInfo, locationKey, rangeContains } from '@tinykv/model';
import { keyErrorFromWire, type kvrpcpb, tinykvpb } from '@tinykv/proto';
import type { Backoff } from './backoff.js';
import { KeyLockedError, UndeterminedError } from './errors.js';
import { keyErrorToThrow } from './key-errors.js';
import type { Operation } from './operation.js';
import { lockTtlMs, mutationToWire, phaseTimeoutMs } from './prewrite-wire.js';
import { statusAtPrimary } from './primary-status.js';
import type { CachedRegion } from './region-cache.js';
import { splitByBytes } from './split-by-bytes.js';
import { type Mutation, mutationBytes } from './txn-buffer.js';
import type { CommitInput, TxnContext } from './txn-context.js';

// Two transactions that wait for each other's locks would wait until one expires. So only the older of
// two waits for long (wait-die); the younger gives way, and loses little: when the older commits, this
// is a conflict anyway. One that can wait in line for a pessimistic lock does not wait here: the holder may wait for
// what this one has locked.
const WAIT_FOR_OLDER_MS = 100;
const WAIT_FOR_YOUNGER_MS = 5_000;

/** `committed`: by the prewrites themselves; `locked` are keys that still say so by their locks alone. */
export type Prewritten =
  | {
      readonly type: 'committed';
      readonly commitTs: Timestamp;
      readonly locked: readonly Uint8Array[];
    }
  | { readonly type: 'locked' };

/**
 * Locks every key of a transaction, which may be all that its commit takes.
 *
 * One phase (TiKV's 1PC): the keys lie in one Region and fit one request; their store commits them at once.
 * Async commit: the transaction is committed once all its keys are prewritten, at the highest of the lowest commit
 * timestamps that the stores give; the primary's lock names the other keys, so that everybody can find that out.
 * Stores refuse both where they are not safe, and the locks that are left are those of two phases.
 */
export class Prewriter {
  readonly #context: TxnContext;
  readonly #input: CommitInput;
  readonly #primary: Uint8Array;
  readonly #onePhase: boolean;
  readonly #async: boolean;
  /** Keys that may be locked by this transaction, by name. */
  readonly #locked = new Map<string, Uint8Array>();
  #failed = false;
  /** Of a commit in one phase. */
  #committedAt: Timestamp | undefined;
  /** Some keys are prewritten, and not for an async commit. */
  #needsSecondPhase = false;
  #minCommitTs: Timestamp = TS_ZERO;

  constructor(context: TxnContext, input: CommitInput) {
    this.#context = context;
    this.#input = input;
    this.#primary = input.mutations[0]!.key;
    this.#onePhase = this.#mayTryOnePhase();
    this.#async = this.#mayCommitAsync();
    const { mutations, locks } = input;
    if (locks !== undefined)
      this.#mayHoldLocks(mutations.filter(({ key }) => locks.lockedAt(key) !== undefined));
  }

  /** Its requests may commit the transaction, not only lock keys. */
  get mayCommit(): boolean {
    return this.#onePhase || this.#async;
  }

  /** Begins no more requests: nobody wants the transaction any more. */
  stop(): void {
    this.#failed = true;
  }

  get locked(): readonly Uint8Array[] {
    return [...this.#locked.values()];
  }

  /** Throws as {@link TwoPhaseCommit.run} does. */
  async run(): Promise<Prewritten> {
    // The answer to a prewrite that may commit matters: not to know it is not to know the outcome.
    const effect = this.mayCommit ? 'decisive' : 'repeatable';
    await this.#context.router.sendGrouped(
      this.#input.mutations,
      (mutation) => mutation.key,
      (mutations) =>
        this.#isOnePhase(mutations) ? [mutations] : splitByBytes(mutations, mutationBytes),
      (region, mutations, part) => this.#prewritePart(region, mutations, part),
      this.#context.router.begin(effect, phaseTimeoutMs(this.#input.bytes)),
    );
    if (this.#committedAt !== undefined) {
      return { type: 'committed', commitTs: this.#committedAt, locked: [] };
    }
    if (!this.#async || this.#needsSecondPhase) return { type: 'locked' };
    return { type: 'committed', commitTs: this.#minCommitTs, locked: this.locked };
  }

  /** All keys in one Region, as far as is known, and small enough for one request and one entry. */
  #mayTryOnePhase(): boolean {
    const { onePhase, router } = this.#context;
    const { mutations, bytes, locks } = this.#input;
    // Where there are locks there is more than one phase.
    if (locks !== undefined) return false;
    // Each lock names the primary.
    const overhead = mutations.length * (KEY_OVERHEAD_BYTES + this.#primary.length);
    if (!onePhase || bytes + overhead > limits.onePhaseBytesMax) return false;
    const region = router.cache.find(locationKey(router.api, this.#primary));
    const last = locationKey(router.api, mutations.at(-1)!.key);
    return region === undefined || rangeContains(region.range, last);
  }

  /** All keys in one request. */
  #isOnePhase(mutations: readonly Mutation[]): boolean {
    return this.#onePhase && mutations.length === this.#input.mutations.length;
  }

  /** The primary's lock is to name all other keys. */
  #mayCommitAsync(): boolean {
    const { mutations } = this.#input;
    if (!this.#context.asyncCommit || mutations.length > limits.asyncCommitKeysMax) return false;
    const keyBytes = mutations.reduce((sum, { key }) => sum + key.length, 0);
    return keyBytes <= limits.asyncCommitKeyBytesMax;
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
        const response = await this.#send(region, mutations, operation);
        if (response === undefined) return false;
        if (response.onePcCommitTs !== TS_ZERO) {
          this.#committedAt = response.onePcCommitTs;
          return true;
        }
        if (response.errors.length === 0) {
          this.#mayHoldLocks(mutations);
          if (response.minCommitTs === TS_ZERO) this.#needsSecondPhase = true;
          this.#minCommitTs = maxTimestamp(this.#minCommitTs, response.minCommitTs);
          return true;
        }
        patience = await this.#clearLocks(response, operation, patience);
      }
      return true;
    } catch (error) {
      const commitTs = await this.#lostCommit(error, operation);
      if (commitTs === undefined) {
        this.#failed = true;
        throw error;
      }
      this.#committedAt = commitTs;
      return true;
    } finally {
      if (operation.maybeApplied) this.#mayHoldLocks(mutations);
    }
  }

  #send(
    region: CachedRegion,
    mutations: readonly Mutation[],
    operation: Operation,
  ): Promise<kvrpcpb.PrewriteResponse | undefined> {
    const { env, router } = this.#context;
    const { startTs: startVersion, bytes, beganAt, locks } = this.#input;
    const forUpdateTs = locks?.forUpdateTs ?? TS_ZERO;
    const hasPrimary = mutations[0] === this.#input.mutations[0];
    return router.sendToRegion(
      region,
      tinykvpb.TinyKv.kvPrewrite,
      (context) => ({
        context,
        mutations: mutations.map((m) => mutationToWire(m, locks?.lockedAt(m.key))),
        primaryLock: this.#primary,
        startVersion,
        forUpdateTs,
        tryOnePc: this.#isOnePhase(mutations),
        useAsyncCommit: this.#async,
        // Above all that the locks have seen. Reads may push it, and so pass the locks of a transaction that takes long.
        minCommitTs: maxTimestamp(startVersion, forUpdateTs) + 1n,
        secondaries: this.#async && hasPrimary ? this.#others() : [],
        lockTtl: lockTtlMs(bytes, env.clock.mono() - beganAt),
      }),
      operation,
    );
  }

  #others(): readonly Uint8Array[] {
    return this.#input.mutations.slice(1).map(({ key }) => key);
  }

  /**
   * After a prewrite that failed: an earlier attempt whose answer was lost may have committed, or still do so. The
   * question at the primary ends that; undefined: it is not committed, and never will be.
   */
  async #lostCommit(failure: unknown, operation: Operation): Promise<Timestamp | undefined> {
    const isOpen = operation.effect === 'decisive' && operation.maybeApplied;
    if (!isOpen || failure instanceof UndeterminedError) return undefined;
    const txn = { startTs: this.#input.startTs, primary: this.#primary };
    const status = await statusAtPrimary(this.#context.resolver, txn, operation);
    return status.type === 'committed' ? status.commitTs : undefined;
  }

  /** Resolves the locks that a prewrite has met or waits a little. Throws for every other error. */
  async #clearLocks(
    response: kvrpcpb.PrewriteResponse,
    operation: Operation,
    patience: Backoff | undefined,
  ): Promise<Backoff | undefined> {
    const { startTs, contended } = this.#input;
    const errors = response.errors.map(keyErrorFromWire);
    contended.push(...errors.flatMap((error) => (error.type === 'conflict' ? [error.key] : [])));
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
    if (this.#makesWay(locks) || !(await waiting.pause('key-locked', waitMs))) {
      operation.scope.check();
      contended.push(...locks.map(({ key }) => key));
      throw new KeyLockedError(locks[0]!);
    }
    return waiting;
  }

  /** Rather than wait here with its own locks. */
  #makesWay(locks: readonly LockInfo[]): boolean {
    return this.#input.yields && locks.some(({ kind }) => kind === 'pessimistic');
  }

  #mayHoldLocks(mutations: readonly Mutation[]): void {
    for (const { key } of mutations) this.#locked.set(keyString(key), key);
  }
}

/** What a key's record costs in an entry beside key and value. */
const KEY_OVERHEAD_BYTES = 256;
