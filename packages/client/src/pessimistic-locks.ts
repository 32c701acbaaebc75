import {
  compareBytes,
  copyBytes,
  equalBytes,
  errorMessage,
  KvError,
  keyString,
  maxTimestamp,
  type Timestamp,
  TS_ZERO,
} from '@tinykv/base';
import { keyErrorFromWire, tinykvtxn } from '@tinykv/proto';
import { LockWaitTimeoutError } from './errors.js';
import { type HeartBeat, type LivingTxn, livesFor } from './heart-beat.js';
import { HeldKeys } from './held-keys.js';
import { keyErrorToThrow } from './key-errors.js';
import type { Operation } from './operation.js';
import type { CachedRegion } from './region-cache.js';
import { splitByBytes } from './split-by-bytes.js';
import type { Mutation } from './txn-buffer.js';
import type { HeldLocks, TxnContext } from './txn-context.js';

const RELEASE_TIMEOUT_MS = 20_000;

const { kvPessimisticLock, kvPessimisticRollback } = tinykvtxn.Txn;

/** An answer that a store gives at the end of a wait is to come before its client's patience is over. */
const ANSWER_MARGIN_MS = 100;

export interface PessimisticOptions {
  /** How long a call waits for the locks of others; 0: not at all. Default: as long as it may take. */
  readonly lockWaitMs?: number | undefined;
  /** Lock requests are answered before the locks are on a quorum. */
  readonly pipelined?: boolean | undefined;
}

/** One call that locks keys. */
interface LockCall {
  readonly operation: Operation;
  /** Monotonic milliseconds. */
  readonly waitsUntil: number;
}

/**
 * The locks that a transaction takes before it writes. The first key that is locked becomes its primary, and
 * heartbeats keep that lock alive; the others live as long as it does.
 */
export class PessimisticLocks implements HeldLocks {
  readonly held: HeldKeys = new HeldKeys();
  readonly #context: TxnContext;
  readonly #txn: LivingTxn;
  readonly #options: PessimisticOptions;
  readonly #heartBeat: HeartBeat;
  /** Keys that were asked for and may be locked, although nobody has said so. */
  readonly #doubtful = new Map<string, Uint8Array>();
  readonly #calls = new Set<Promise<unknown>>();
  #primary: Uint8Array | undefined;
  /** The first lock, while it is under way: who asks meanwhile waits for what becomes of it. */
  #choosing: Promise<void> | undefined;
  #forUpdateTs: Timestamp = TS_ZERO;
  #released = false;

  constructor(
    context: TxnContext,
    txn: LivingTxn,
    heartBeat: HeartBeat,
    options: PessimisticOptions,
  ) {
    this.#context = context;
    this.#txn = txn;
    this.#heartBeat = heartBeat;
    this.#options = options;
  }

  get forUpdateTs(): Timestamp {
    return this.#forUpdateTs;
  }

  holds(key: Uint8Array): boolean {
    return this.held.has(key);
  }

  /** What is to be committed, the primary first: writes, and locks of keys that are not written. */
  addTo(writes: readonly Mutation[]): readonly Mutation[] {
    const written = new Set(writes.map(({ key }) => keyString(key)));
    const unwritten = this.held.keys().filter((key) => !written.has(keyString(key)));
    const locks = unwritten.map((key): Mutation => ({ kind: 'lock', key }));
    const all = [...writes, ...locks].sort((a, b) => compareBytes(a.key, b.key));
    const primary = this.#primary;
    const at = primary ? all.findIndex(({ key }) => equalBytes(key, primary)) : -1;
    if (at > 0) all.unshift(...all.splice(at, 1));
    return all;
  }

  /**
   * Locks keys and reads what is committed under the locks. Throws {@link DeadlockError},
   * {@link LockWaitTimeoutError}, {@link TxnAbortedError}, or what the router throws; keys that were locked
   * before stay so, and some of these may be. A key that is held is not asked for again: its lock may be lost by now,
   * and one that was taken anew would hide from the prewrite that somebody wrote the key in between.
   */
  lock(keys: readonly Uint8Array[], operation: Operation): Promise<void> {
    const call = this.#lock(keys, operation);
    this.#calls.add(call);
    const done = (): void => void this.#calls.delete(call);
    call.then(done, done);
    return call;
  }

  async #lock(keys: readonly Uint8Array[], operation: Operation): Promise<void> {
    const { lockWaitMs = Number.POSITIVE_INFINITY } = this.#options;
    const mostMs = operation.backoff.remainingMs() - ANSWER_MARGIN_MS;
    const waitsUntil = this.#context.env.clock.mono() + Math.min(lockWaitMs, mostMs);
    const call: LockCall = { operation, waitsUntil };
    const distinct = new Map(keys.map((key) => [keyString(key), key]));
    const wanted = [...distinct.values()].filter((key) => !this.held.has(key));
    if (wanted.length > 0) await this.#renew(operation);
    while (wanted.length > 0 && this.#primary === undefined) {
      if (this.#choosing === undefined) {
        this.#choosing = this.#lockFirst(wanted.shift()!, call).finally(() => {
          this.#choosing = undefined;
        });
        await this.#choosing;
      } else {
        // Whoever is at it throws its failure itself.
        await this.#choosing.then(undefined, () => undefined);
      }
    }
    if (this.#primary !== undefined) await this.#lockAll(wanted, this.#primary, call);
  }

  async #lockFirst(key: Uint8Array, call: LockCall): Promise<void> {
    await this.#lockAll([key], key, call);
    this.#primary = key;
    this.#heartBeat.start(key);
  }

  async #lockAll(keys: readonly Uint8Array[], primary: Uint8Array, call: LockCall): Promise<void> {
    for (const key of keys) this.#doubtful.set(keyString(key), key);
    await this.#context.router.sendGrouped(
      keys,
      (key) => key,
      (some) => splitByBytes(some, (key) => key.length),
      (region, some, operation) => this.#lockPart(region, some, primary, { ...call, operation }),
      call.operation,
    );
  }

  /** Until the keys of one request are locked. False: their Region has changed. */
  async #lockPart(
    region: CachedRegion,
    keys: readonly Uint8Array[],
    primary: Uint8Array,
    call: LockCall,
  ): Promise<boolean> {
    for (;;) {
      const response = await this.#send(region, keys, primary, call);
      if (response === undefined) return false;
      const [wire] = response.errors;
      if (wire === undefined) {
        for (const [i, key] of keys.entries()) this.#onLocked(key, response.values[i]!);
        return true;
      }
      const error = keyErrorFromWire(wire);
      const { startTs } = this.#txn;
      if (error.type === 'conflict') {
        if (call.operation.backoff.remainingMs() <= 0) throw keyErrorToThrow(error, startTs);
        await this.#renew(call.operation);
        continue;
      }
      if (error.type !== 'locked') throw keyErrorToThrow(error, startTs);
      const { lock } = error;
      const aliveMs = await this.#context.resolver.resolve([lock], call.operation);
      if (aliveMs === 0) continue;
      const waitMs = call.waitsUntil - this.#context.env.clock.mono();
      const mostMs = Math.min(aliveMs, waitMs);
      if (waitMs <= 0 || !(await call.operation.backoff.pause('key-locked', mostMs))) {
        throw new LockWaitTimeoutError(lock.key, lock.startTs);
      }
    }
  }

  #send(
    region: CachedRegion,
    keys: readonly Uint8Array[],
    primaryLock: Uint8Array,
    { operation, waitsUntil }: LockCall,
  ): Promise<tinykvtxn.PessimisticLockResponse | undefined> {
    if (this.#released) throw new KvError('FAILED_PRECONDITION', 'the transaction is over');
    const { router, env } = this.#context;
    const { startTs: startVersion, beganAt } = this.#txn;
    return router.sendToRegion(
      region,
      kvPessimisticLock,
      (context) => {
        const now = env.clock.mono();
        const waitTimeout = Math.max(0, Math.ceil(waitsUntil - now));
        return {
          context,
          keys: [...keys],
          primaryLock,
          startVersion,
          lockTtl: livesFor(now - beganAt),
          forUpdateTs: this.#forUpdateTs,
          minCommitTs: this.#forUpdateTs + 1n,
          waitTimeout,
          noWait: waitTimeout === 0,
          returnValues: true,
          pipelined: this.#options.pipelined === true,
        };
      },
      operation,
    );
  }

  #onLocked(key: Uint8Array, { found, value }: tinykvtxn.LockedValue): void {
    this.#doubtful.delete(keyString(key));
    this.held.add(key, found ? copyBytes(value) : undefined);
  }

  /** What the next locks are to have seen. */
  async #renew(operation: Operation): Promise<void> {
    const { router, timestamp } = this.#context;
    const fresh = await router.within(operation, timestamp());
    this.#forUpdateTs = maxTimestamp(this.#forUpdateTs, fresh);
  }

  /** Gives up all locks. Never rejects: a lock that is left expires with its transaction. */
  async releaseAll(): Promise<void> {
    this.#released = true;
    await this.#release(this.#mayBeLocked());
    if (this.#calls.size === 0) return;
    // What was under way may have got a lock since.
    await Promise.allSettled(this.#calls);
    await this.#release(this.#mayBeLocked());
  }

  #mayBeLocked(): readonly Uint8Array[] {
    return [...this.held.keys(), ...this.#doubtful.values()];
  }

  /** What goes on after a commit: its own part, and giving up locks that were never confirmed. Never rejects. */
  async endWith(commit: Promise<void>): Promise<void> {
    await Promise.all([commit, this.#release([...this.#doubtful.values()])]);
  }

  async #release(keys: readonly Uint8Array[]): Promise<void> {
    if (keys.length === 0) return;
    const { router, env } = this.#context;
    const { startTs: startVersion } = this.#txn;
    try {
      await router.sendGrouped(
        keys,
        (key) => key,
        (some) => splitByBytes(some, (key) => key.length),
        async (region, some, operation) => {
          const response = await router.sendToRegion(
            region,
            kvPessimisticRollback,
            (context) => ({
              context,
              keys: [...some],
              startVersion,
              forUpdateTs: this.#forUpdateTs,
            }),
            operation,
          );
          return response !== undefined;
        },
        router.begin('repeatable', RELEASE_TIMEOUT_MS),
      );
    } catch (error) {
      const fields = { startTs: String(startVersion), error: errorMessage(error) };
      env.logger.warn('pessimistic locks were not given back', fields);
    }
  }
}
