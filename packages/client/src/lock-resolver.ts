import { keyString, limits, type Timestamp, TS_MAX, TS_ZERO } from '@tinykv/base';
import type { LockInfo } from '@tinykv/model';
import { BelowSafePointError } from './errors.js';
import type { Operation } from './operation.js';
import { PessimisticResolver } from './pessimistic-resolver.js';
import { Primaries, STRANGER } from './primaries.js';
import { resolveKeys, resolveRegion } from './resolve-locks.js';
import type { Router } from './router.js';
import type { LivingStatus, TxnName, TxnStatus } from './txn-status.js';

/** A read that locks are in the way of. */
export interface Reader {
  /** TS_MAX: it wants the newest commit of each key. */
  readonly ts: Timestamp;
  /**
   * Told the start of a living transaction that will be committed above it, if at all: its locks need not be
   * heeded. At TS_MAX this holds for one read alone.
   */
  pass(startTs: Timestamp): void;
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

/**
 * Clears locks that are in the way (Percolator §2.2): the transaction's primary says whether it was
 * committed, is rolled back if its lock has expired, and the lock follows.
 */
export class LockResolver {
  readonly #router: Router;
  readonly #primaries: Primaries;
  readonly #pessimistic: PessimisticResolver;
  /** Final outcomes, oldest first. */
  readonly #known = new Map<string, Known>();
  readonly #running = new Map<string, Promise<TxnStatus>>();

  constructor(router: Router, timestamp: () => Promise<Timestamp>) {
    this.#router = router;
    this.#primaries = new Primaries(router, timestamp);
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
    return this.#primaries.check(txn, operation, STRANGER);
  }

  /**
   * As {@link check}, for the client of the transaction, which has given it up: it is not waited for until
   * an asynchronous commit expires. Throws {@link BelowSafePointError} when nobody remembers it.
   */
  checkOwn(txn: TxnName, operation: Operation): Promise<TxnStatus> {
    return this.#primaries.check(txn, operation, { ...STRANGER, isOver: true });
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
    const status = await this.#status(locks, operation, reader?.ts ?? TS_ZERO);
    if (status.type === 'alive') {
      if (reader === undefined || !mayPass(status, reader.ts)) return status.ttlMs;
      reader.pass(startTs);
      return 0;
    }
    const commitTs = status.type === 'committed' ? status.commitTs : TS_ZERO;
    if (this.#isSmall(locks)) {
      const keys = locks.map(({ key }) => key);
      await resolveKeys(this.#router, keys, startTs, commitTs, operation);
      return 0;
    }
    // One request clears all locks of the transaction in a Region.
    const groups = await this.#router.group(locks, (lock) => lock.key, operation);
    await Promise.all(
      groups.map(({ items: [lock] }) => resolveRegion(this.#router, lock!, commitTs, operation)),
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

  /** Those who ask about the same transaction at the same time share the answer. */
  #status(
    met: readonly LockInfo[],
    operation: Operation,
    callerStartTs: Timestamp,
  ): Promise<TxnStatus> {
    const name = nameOf(met[0]!);
    const known = this.#known.get(name);
    if (known !== undefined) return Promise.resolve(known.status);
    // A read of the newest commit must not take for undecided what was so only before it began.
    if (callerStartTs === TS_MAX) return this.#ask(name, met, operation, callerStartTs);
    const asked = `${name} ${callerStartTs} ${Math.max(...met.map(({ ttlMs }) => ttlMs))}`;
    const running = this.#running.get(asked);
    if (running !== undefined) return running;
    const checking = this.#ask(name, met, operation, callerStartTs).finally(() =>
      this.#running.delete(asked),
    );
    this.#running.set(asked, checking);
    return checking;
  }

  #ask(
    name: string,
    met: readonly LockInfo[],
    operation: Operation,
    callerStartTs: Timestamp,
  ): Promise<TxnStatus> {
    return this.#primaries
      .check(met[0]!, operation, { ...STRANGER, callerStartTs, met })
      .catch((error: unknown): TxnStatus => {
        // Nobody remembers it, and here is a lock of it: if it were committed, its locks would have been resolved
        // before that was forgotten.
        if (error instanceof BelowSafePointError) return { type: 'rolled-back' };
        throw error;
      })
      .then((status) => {
        if (status.type !== 'alive') this.#remember(name, status);
        return status;
      });
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

/**
 * Whether a read need not heed the locks of a living transaction: it will be committed above the read, or the read
 * wants the newest commit and came before it. A lock that such a read has met stays until its transaction ends, so
 * what lies under it is the newest commit as long as the transaction is undecided.
 */
function mayPass({ minCommitTs, isUndecided }: LivingStatus, ts: Timestamp): boolean {
  return ts === TS_MAX ? isUndecided : minCommitTs > ts;
}

function nameOf({ startTs, primary }: TxnName): string {
  return `${startTs}/${keyString(primary)}`;
}
