import {
  compareBytes,
  equalBytes,
  errorMessage,
  keyString,
  limits,
  maxTimestamp,
  type Timestamp,
  TS_MAX,
} from '@tinykv/base';
import { tinykvtxn } from '@tinykv/proto';
import { LockWaitTimeoutError } from './errors.js';
import type { HeartBeat, LivingTxn } from './heart-beat.js';
import { HeldKeys } from './held-keys.js';
import { type GrantedLock, LockAcquisition, type LockingTxn } from './lock-acquisition.js';
import type { Operation } from './operation.js';
import { forEachParallel } from './parallel.js';
import type { CachedRegion } from './region-cache.js';
import { splitByBytes } from './split-by-bytes.js';
import type { Mutation } from './txn-buffer.js';
import type { HeldLocks, TxnContext } from './txn-context.js';

const RELEASE_TIMEOUT_MS = 20_000;

const { kvPessimisticRollback } = tinykvtxn.Txn;

export interface PessimisticOptions {
  /** How long a call waits for the locks of others; 0: not at all. Default: as long as it may take. */
  readonly lockWaitMs?: number | undefined;
  /** Lock requests are answered before the locks are on a quorum. */
  readonly pipelined?: boolean | undefined;
}

/**
 * The locks that a transaction takes before it writes. The first key that is locked becomes its primary, and
 * heartbeats keep that lock alive; the others live as long as it does.
 */
export class PessimisticLocks implements HeldLocks, LockingTxn {
  readonly held: HeldKeys = new HeldKeys();
  readonly #context: TxnContext;
  readonly #txn: LivingTxn;
  readonly #options: PessimisticOptions;
  readonly #heartBeat: HeartBeat;
  /** By key that is held: the `for_update_ts` of its lock. */
  readonly #lockedAt = new Map<string, Timestamp>();
  /** Keys that were asked for and may be locked, although nobody has said so. */
  readonly #doubtful = new Map<string, Uint8Array>();
  readonly #calls = new Set<Promise<unknown>>();
  #primary: Uint8Array | undefined;
  /** The first lock, while it is under way: who asks meanwhile waits for what becomes of it. */
  #choosing: Promise<void> | undefined;
  #forUpdateTs: Timestamp;
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
    this.#forUpdateTs = txn.startTs;
  }

  get forUpdateTs(): Timestamp {
    return this.#forUpdateTs;
  }

  lockedAt(key: Uint8Array): Timestamp | undefined {
    return this.#lockedAt.get(keyString(key));
  }

  get isOver(): boolean {
    return this.#released;
  }

  get startTs(): Timestamp {
    return this.#txn.startTs;
  }

  get beganAt(): number {
    return this.#txn.beganAt;
  }

  get lockTtlMs(): number {
    return this.#txn.lockTtlMs;
  }

  get pipelined(): boolean {
    return this.#options.pipelined === true;
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
   * and one that was taken anew would hide from the prewrite that somebody wrote the key in between. `waitMs`: how long
   * others' locks are waited for, if not as long as the transaction has said.
   */
  lock(
    keys: readonly Uint8Array[],
    operation: Operation,
    waitMs: number = this.#options.lockWaitMs ?? Number.POSITIVE_INFINITY,
  ): Promise<void> {
    const call = this.#lock(keys, operation, waitMs);
    this.#calls.add(call);
    const done = (): void => void this.#calls.delete(call);
    call.then(done, done);
    return call;
  }

  /** Locks those that nobody else holds, each by itself. Throws as {@link lock} does, but never for a wait. */
  tryLock(keys: readonly Uint8Array[], operation: Operation): Promise<void> {
    return forEachParallel(keys, limits.clientParallelRequestsMax, async (key) => {
      try {
        await this.lock([key], operation.fork(), 0);
      } catch (error) {
        if (!(error instanceof LockWaitTimeoutError)) throw error;
      }
    });
  }

  async #lock(keys: readonly Uint8Array[], operation: Operation, waitMs: number): Promise<void> {
    const acquisition = new LockAcquisition(this.#context, this, waitMs, operation);
    const distinct = new Map(keys.map((key) => [keyString(key), key]));
    const wanted = [...distinct.values()].filter((key) => !this.held.has(key));
    while (wanted.length > 0 && this.#primary === undefined) {
      if (this.#choosing === undefined) {
        this.#choosing = this.#lockFirst(wanted.shift()!, acquisition, operation).finally(() => {
          this.#choosing = undefined;
        });
        await this.#choosing;
      } else {
        // Whoever is at it throws its failure itself.
        await this.#choosing.then(undefined, () => undefined);
      }
    }
    if (this.#primary !== undefined) {
      await this.#lockAll(wanted, this.#primary, acquisition, operation);
    }
  }

  async #lockFirst(
    key: Uint8Array,
    acquisition: LockAcquisition,
    operation: Operation,
  ): Promise<void> {
    await this.#lockAll([key], key, acquisition, operation);
    this.#primary = key;
    this.#heartBeat.start(key);
  }

  async #lockAll(
    keys: readonly Uint8Array[],
    primary: Uint8Array,
    acquisition: LockAcquisition,
    operation: Operation,
  ): Promise<void> {
    for (const key of keys) this.#doubtful.set(keyString(key), key);
    const send = async (
      region: CachedRegion,
      some: readonly Uint8Array[],
      part: Operation,
    ): Promise<boolean> => {
      const granted = await acquisition.lock(region, { keys: some, primary }, part);
      for (const [i, lock] of granted?.entries() ?? []) this.#onLocked(some[i]!, lock);
      return granted !== undefined;
    };
    await acquisition.within(() =>
      this.#context.router.sendGrouped(
        keys,
        (key) => key,
        (some) => splitByBytes(some, (key) => key.length),
        send,
        operation,
      ),
    );
  }

  #onLocked(key: Uint8Array, { value, forUpdateTs }: GrantedLock): void {
    const name = keyString(key);
    this.#doubtful.delete(name);
    this.#lockedAt.set(name, forUpdateTs);
    this.#forUpdateTs = maxTimestamp(this.#forUpdateTs, forUpdateTs);
    this.held.add(key, value);
  }

  async renew(operation: Operation): Promise<void> {
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
            // A lock that nobody has confirmed may have seen more than this transaction knows of.
            (context) => ({ context, keys: [...some], startVersion, forUpdateTs: TS_MAX }),
            operation,
          );
          return response !== undefined;
        },
        router.begin('repeatable', RELEASE_TIMEOUT_MS),
      );
    } catch (error) {
      // The client was closed before: it says so once.
      if (router.life.commits.isOver) return;
      const fields = { startTs: String(startVersion), error: errorMessage(error) };
      env.logger.warn('pessimistic locks were not given back', fields);
    }
  }
}
