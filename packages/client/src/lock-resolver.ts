import {
  type Env,
  KvError,
  keyString,
  limits,
  physicalMs,
  type Timestamp,
  TS_ZERO,
} from '@tinykv/base';
import { describeKeyError, type LockInfo } from '@tinykv/model';
import { keyErrorFromWire, tinykvpb } from '@tinykv/proto';

import { Operation } from './operation.js';
import type { Router } from './router.js';

/** What became of a transaction. All but `alive` never changes. */
export type TxnStatus =
  /** `ttlMs`: how long its lock is good for, from now. */
  | { readonly type: 'alive'; readonly ttlMs: number }
  | { readonly type: 'committed'; readonly commitTs: Timestamp }
  | { readonly type: 'rolled-back' };

/** Names a transaction: its start and, since that is not checked by anyone, its primary. */
interface TxnName {
  readonly startTs: Timestamp;
  readonly primary: Uint8Array;
}

const rpc = tinykvpb.TinyKv;

/**
 * Clears locks that are in the way (Percolator §2.2): the transaction's primary says whether it was
 * committed, is rolled back if its lock has expired, and the lock follows.
 */
export class LockResolver {
  readonly #router: Router;
  readonly #timestamp: () => Promise<Timestamp>;
  /** Final outcomes, oldest first. */
  readonly #known = new Map<string, TxnStatus>();
  readonly #running = new Map<string, Promise<TxnStatus>>();
  /** Planted: a primary without a lock is taken for committed. */
  readonly #looksAtLocksOnly: boolean;

  constructor(env: Env, router: Router, timestamp: () => Promise<Timestamp>) {
    this.#looksAtLocksOnly = env.planted('txn-secondary-rolled-forward');
    this.#router = router;
    this.#timestamp = timestamp;
  }

  /**
   * Resolves what it can. Milliseconds after which the last of the others' locks expires; 0: none is
   * left. Throws as the router does.
   */
  async resolve(locks: readonly LockInfo[], operation: Operation): Promise<number> {
    const byTxn = new Map<string, LockInfo[]>();
    for (const lock of locks) {
      const same = byTxn.get(nameOf(lock));
      if (same === undefined) byTxn.set(nameOf(lock), [lock]);
      else same.push(lock);
    }
    const waits = await Promise.all([...byTxn.values()].map((l) => this.#resolveTxn(l, operation)));
    return Math.max(0, ...waits);
  }

  /** Asks the primary, whatever is remembered. Rolls the transaction back if it has expired. */
  async check({ primary, startTs }: TxnName, operation: Operation): Promise<TxnStatus> {
    const currentTs = await this.#router.within(operation, this.#timestamp());
    const response = await this.#router.send(
      primary,
      rpc.kvCheckTxnStatus,
      (context) => ({ context, primaryKey: primary, lockTs: startTs, currentTs }),
      part(operation),
    );
    if (response.lockTtl > 0) {
      const expiresAt = physicalMs(startTs) + response.lockTtl;
      return { type: 'alive', ttlMs: Math.max(1, expiresAt - physicalMs(currentTs)) };
    }
    if (response.commitVersion === TS_ZERO) {
      return this.#looksAtLocksOnly
        ? { type: 'committed', commitTs: currentTs }
        : { type: 'rolled-back' };
    }
    return { type: 'committed', commitTs: response.commitVersion };
  }

  async #resolveTxn(locks: readonly LockInfo[], operation: Operation): Promise<number> {
    const status = await this.#status(locks[0]!, operation);
    if (status.type === 'alive') return status.ttlMs;
    const commitTs = status.type === 'committed' ? status.commitTs : TS_ZERO;
    // One request clears all locks of the transaction in a Region.
    const groups = await this.#router.group(locks, (lock) => lock.key, operation);
    await Promise.all(groups.map((g) => this.#resolveRegion(g.items, commitTs, operation)));
    return 0;
  }

  async #resolveRegion(
    locks: readonly LockInfo[],
    commitVersion: Timestamp,
    operation: Operation,
  ): Promise<void> {
    const { key, startTs } = locks[0]!;
    const { error } = await this.#router.send(
      key,
      rpc.kvResolveLock,
      (context) => ({ context, startVersion: startTs, commitVersion }),
      part(operation),
    );
    if (error !== undefined) {
      const reason = describeKeyError(keyErrorFromWire(error));
      throw new KvError('INTERNAL', `cannot resolve the locks of ${startTs}: ${reason}`);
    }
  }

  /** Those who ask about the same transaction at the same time share the answer. */
  #status(txn: TxnName, operation: Operation): Promise<TxnStatus> {
    const name = nameOf(txn);
    const known = this.#known.get(name);
    if (known !== undefined) return Promise.resolve(known);
    const running = this.#running.get(name);
    if (running !== undefined) return running;
    const checking = this.check(txn, operation)
      .then((status) => {
        if (status.type !== 'alive') this.#remember(name, status);
        return status;
      })
      .finally(() => this.#running.delete(name));
    this.#running.set(name, checking);
    return checking;
  }

  #remember(name: string, status: TxnStatus): void {
    this.#known.set(name, status);
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

/** Asking about or resolving another's transaction may be repeated, whatever the caller is doing. */
function part(operation: Operation): Operation {
  return new Operation('repeatable', operation.backoff.fork());
}
