import {
  type Env,
  KvError,
  keyString,
  limits,
  maxTimestamp,
  physicalMs,
  type Timestamp,
  TS_ZERO,
} from '@tinykv/base';
import { describeKeyError, type LockInfo } from '@tinykv/model';
import { keyErrorFromWire, type kvrpcpb, lockFromWire, tinykvpb, tinykvtxn } from '@tinykv/proto';
import { BelowSafePointError } from './errors.js';
import { keyErrorToThrow } from './key-errors.js';

import { Operation } from './operation.js';
import { PessimisticResolver } from './pessimistic-resolver.js';
import type { Router } from './router.js';

/** What became of a transaction. All but `alive` never changes. */
export type TxnStatus =
  /** `ttlMs`: how long its lock is good for, from now. It will not be committed below `minCommitTs`. */
  | { readonly type: 'alive'; readonly ttlMs: number; readonly minCommitTs: Timestamp }
  | { readonly type: 'committed'; readonly commitTs: Timestamp }
  | { readonly type: 'rolled-back' };

/** Names a transaction: its start and, since that is not checked by anyone, its primary. */
interface TxnName {
  readonly startTs: Timestamp;
  readonly primary: Uint8Array;
}

/** A snapshot that locks are in the way of. */
export interface Reader {
  readonly ts: Timestamp;
  /** Told the start of a living transaction that will be committed above it, if at all: its locks need not be heeded. */
  pass(startTs: Timestamp): void;
}

interface CheckMode {
  /** Of a read that asks to be let past the lock; 0: nobody does. */
  readonly callerStartTs: Timestamp;
  /** Nobody works on the transaction any more. */
  readonly isOver: boolean;
  readonly forceSyncCommit: boolean;
}

const STRANGER: CheckMode = { callerStartTs: TS_ZERO, isOver: false, forceSyncCommit: false };

/** What the store of some secondaries says; fewer locks than were asked for: the transaction has ended. */
interface SecondaryLocks {
  readonly asked: number;
  readonly locks: readonly LockInfo[];
  readonly commitTs: Timestamp;
}

/** A transaction that has ended. */
interface Known {
  readonly status: TxnStatus;
  /** Keys on which locks of it were met, up to a few more than are cleared one by one. */
  readonly keysMet: Set<string>;
}

/**
 * So many locks of a transaction are cleared key by key; if more are met, all that it has in a Region are looked for. That
 * search is dear: it passes all locks that were cleared of late, which stay in the engine as tombstones for a while.
 */
const LOCKS_CLEARED_BY_KEY = 16;

const rpc = tinykvpb.TinyKv;

/**
 * Clears locks that are in the way (Percolator §2.2): the transaction's primary says whether it was
 * committed, is rolled back if its lock has expired, and the lock follows.
 */
export class LockResolver {
  readonly #router: Router;
  readonly #timestamp: () => Promise<Timestamp>;
  readonly #pessimistic: PessimisticResolver;
  /** Final outcomes, oldest first. */
  readonly #known = new Map<string, Known>();
  readonly #running = new Map<string, Promise<TxnStatus>>();
  /** Planted: a primary without a lock is taken for committed. */
  readonly #looksAtLocksOnly: boolean;
  /** Planted: an asynchronous commit is taken for complete. */
  readonly #checksNoSecondaries: boolean;

  constructor(env: Env, router: Router, timestamp: () => Promise<Timestamp>) {
    this.#looksAtLocksOnly = env.planted('txn-secondary-rolled-forward');
    this.#checksNoSecondaries = env.planted('txn-secondaries-not-checked');
    this.#router = router;
    this.#timestamp = timestamp;
    this.#pessimistic = new PessimisticResolver(router, timestamp);
  }

  /**
   * Resolves what it can, and lets the reader pass those that will be committed above it. Milliseconds after which
   * the last of the others' locks expires; 0: none is left. Throws as the router does.
   */
  async resolve(
    locks: readonly LockInfo[],
    operation: Operation,
    reader?: Reader,
  ): Promise<number> {
    const byTxn = new Map<string, LockInfo[]>();
    for (const lock of locks) {
      const name = `${lock.kind === 'pessimistic' ? 'p' : ''}${nameOf(lock)}`;
      const same = byTxn.get(name);
      if (same === undefined) byTxn.set(name, [lock]);
      else same.push(lock);
    }
    const waits = await Promise.all(
      [...byTxn.values()].map((some) => this.#resolveTxn(some, operation, reader)),
    );
    return Math.max(0, ...waits);
  }

  /** Asks the primary, whatever is remembered. Rolls the transaction back if it has expired. */
  check(txn: TxnName, operation: Operation): Promise<TxnStatus> {
    return this.#check(txn, operation, STRANGER);
  }

  /**
   * As {@link check}, for the client of the transaction, which has given it up: it is not waited for until
   * an asynchronous commit expires. Throws {@link BelowSafePointError} when nobody remembers it.
   */
  checkOwn(txn: TxnName, operation: Operation): Promise<TxnStatus> {
    return this.#check(txn, operation, { ...STRANGER, isOver: true });
  }

  async #check(txn: TxnName, operation: Operation, mode: CheckMode): Promise<TxnStatus> {
    const { primary, startTs } = txn;
    const { forceSyncCommit, callerStartTs } = mode;
    const currentTs = await this.#router.within(operation, this.#timestamp());
    const response = await this.#router.send(
      primary,
      rpc.kvCheckTxnStatus,
      (context) => ({
        context,
        primaryKey: primary,
        lockTs: startTs,
        currentTs,
        forceSyncCommit,
        callerStartTs,
      }),
      part(operation),
    );
    if (response.error !== undefined) {
      throw keyErrorToThrow(keyErrorFromWire(response.error), startTs);
    }
    if (response.lockTtl > 0) {
      const ttlMs = physicalMs(startTs) + response.lockTtl - physicalMs(currentTs);
      const lock = response.lockInfo && lockFromWire(response.lockInfo);
      const isByLocks = lock?.isAsyncCommit === true && !forceSyncCommit;
      if (isByLocks && (mode.isOver || ttlMs <= 0)) {
        return this.#checkLocks(lock, operation, mode);
      }
      const minCommitTs = lock?.minCommitTs ?? TS_ZERO;
      return { type: 'alive', ttlMs: Math.max(1, ttlMs), minCommitTs };
    }
    if (response.commitVersion === TS_ZERO) {
      return this.#looksAtLocksOnly
        ? { type: 'committed', commitTs: currentTs }
        : { type: 'rolled-back' };
    }
    return { type: 'committed', commitTs: response.commitVersion };
  }

  /**
   * Ends a transaction that may be committed by its locks alone: it is, if all its keys are locked; if one is not,
   * the store has seen to it that it never will be.
   */
  async #checkLocks(lock: LockInfo, operation: Operation, mode: CheckMode): Promise<TxnStatus> {
    const { startTs, primary, secondaries } = lock;
    const found = this.#checksNoSecondaries ? [] : await this.#secondaryLocks(lock, operation);
    const locks = found.flatMap((answer) => answer.locks);
    const ended = found.find((answer) => answer.locks.length < answer.asked);
    if (ended === undefined && locks.some((each) => !each.isAsyncCommit)) {
      // It has gone back to two phases: its primary decides, as long as it lives.
      return this.#check({ startTs, primary }, operation, { ...mode, forceSyncCommit: true });
    }
    const byLocks = [lock, ...locks].map((each) => each.minCommitTs).reduce(maxTimestamp);
    const commitTs = ended === undefined ? byLocks : ended.commitTs;
    await this.#resolveKeys([primary, ...secondaries], startTs, commitTs, operation);
    return commitTs === TS_ZERO ? { type: 'rolled-back' } : { type: 'committed', commitTs };
  }

  #secondaryLocks(
    { startTs, secondaries }: LockInfo,
    operation: Operation,
  ): Promise<SecondaryLocks[]> {
    const answers: SecondaryLocks[] = [];
    const done = this.#router.sendGrouped(
      secondaries,
      (key) => key,
      (keys) => [keys],
      async (region, keys, forked) => {
        const response = await this.#router.sendToRegion(
          region,
          tinykvtxn.Txn.kvCheckSecondaryLocks,
          (context) => ({ context, keys, startVersion: startTs }),
          forked,
        );
        if (response === undefined) return false;
        if (response.error !== undefined) {
          throw keyErrorToThrow(keyErrorFromWire(response.error), startTs);
        }
        const { locks, commitTs } = response;
        answers.push({ asked: keys.length, locks: locks.map(lockFromWire), commitTs });
        return true;
      },
      part(operation),
    );
    return done.then(() => answers);
  }

  async #resolveTxn(
    locks: readonly LockInfo[],
    operation: Operation,
    reader: Reader | undefined,
  ): Promise<number> {
    const { startTs, kind } = locks[0]!;
    if (kind === 'pessimistic') {
      const waitMs = await this.#pessimistic.resolve(locks, operation);
      if (waitMs !== undefined) return waitMs;
    }
    const status = await this.#status(locks[0]!, operation, reader?.ts ?? TS_ZERO);
    if (status.type === 'alive') {
      if (reader === undefined || status.minCommitTs <= reader.ts) return status.ttlMs;
      reader.pass(startTs);
      return 0;
    }
    const commitTs = status.type === 'committed' ? status.commitTs : TS_ZERO;
    if (this.#isSmall(locks)) {
      const keys = locks.map(({ key }) => key);
      await this.#resolveKeys(keys, startTs, commitTs, operation);
      return 0;
    }
    // One request clears all locks of the transaction in a Region.
    const groups = await this.#router.group(locks, (lock) => lock.key, operation);
    await Promise.all(
      groups.map(({ items: [lock] }) => this.#resolveRegion(lock!, commitTs, operation)),
    );
    return 0;
  }

  /** Whether few locks of the transaction have been met up to now, these included. */
  #isSmall(locks: readonly LockInfo[]): boolean {
    const keysMet = this.#known.get(nameOf(locks[0]!))?.keysMet ?? new Set();
    for (const { key } of locks) {
      if (keysMet.size > LOCKS_CLEARED_BY_KEY) break;
      keysMet.add(keyString(key));
    }
    return keysMet.size <= LOCKS_CLEARED_BY_KEY;
  }

  #resolveKeys(
    keys: readonly Uint8Array[],
    startVersion: Timestamp,
    commitVersion: Timestamp,
    operation: Operation,
  ): Promise<void> {
    return this.#router.sendGrouped(
      keys,
      (key) => key,
      (part) => [part],
      async (region, some, forked) => {
        const response = await this.#router.sendToRegion(
          region,
          rpc.kvResolveLock,
          (context) => ({ context, startVersion, commitVersion, keys: some }),
          forked,
        );
        checkResolved(startVersion, response?.error);
        return response !== undefined;
      },
      part(operation),
    );
  }

  /** All that the transaction locks in the Region of the key. */
  async #resolveRegion(
    { key, startTs }: LockInfo,
    commitVersion: Timestamp,
    operation: Operation,
  ): Promise<void> {
    const { error } = await this.#router.send(
      key,
      rpc.kvResolveLock,
      (context) => ({ context, startVersion: startTs, commitVersion }),
      part(operation),
    );
    checkResolved(startTs, error);
  }

  /** Those who ask about the same transaction at the same time share the answer. */
  #status(txn: TxnName, operation: Operation, callerStartTs: Timestamp): Promise<TxnStatus> {
    const name = nameOf(txn);
    const known = this.#known.get(name);
    if (known !== undefined) return Promise.resolve(known.status);
    const asked = `${name} ${callerStartTs}`;
    const running = this.#running.get(asked);
    if (running !== undefined) return running;
    const checking = this.#check(txn, operation, { ...STRANGER, callerStartTs })
      .catch((error: unknown): TxnStatus => {
        // Nobody remembers it, and here is a lock of it: if it were committed, its locks would have been resolved
        // before that was forgotten.
        if (error instanceof BelowSafePointError) return { type: 'rolled-back' };
        throw error;
      })
      .then((status) => {
        if (status.type !== 'alive') this.#remember(name, status);
        return status;
      })
      .finally(() => this.#running.delete(asked));
    this.#running.set(asked, checking);
    return checking;
  }

  #remember(name: string, status: TxnStatus): void {
    this.#known.set(name, { status, keysMet: new Set() });
    if (this.#known.size <= limits.clientResolvedTxnsMax) return;
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest);
      return;
    }
  }
}

function nameOf({ startTs, primary }: TxnName): string {
  return `${startTs}/${keyString(primary)}`;
}

function checkResolved(startTs: Timestamp, error: kvrpcpb.KeyError | undefined): void {
  if (error === undefined) return;
  const reason = describeKeyError(keyErrorFromWire(error));
  throw new KvError('INTERNAL', `cannot resolve the locks of ${startTs}: ${reason}`);
}

/** Asking about or resolving another's transaction may be repeated, whatever the caller is doing. */
function part(operation: Operation): Operation {
  return new Operation('repeatable', operation.backoff.fork());
}
