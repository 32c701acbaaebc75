import { maxTimestamp, physicalMs, type Timestamp } from '@tinykv/base';
import type { LockInfo } from '@tinykv/model';
import { kvrpcpb, tinykvpb, tinykvtxn } from '@tinykv/proto';
import type { Operation } from './operation.js';
import { locksLiveFor, part } from './resolve-locks.js';
import type { Router } from './router.js';

const { TTLExpirePessimisticRollback, LockNotExistDoNothing } = kvrpcpb.Action;

/**
 * Clears pessimistic locks of a transaction that has no others as far as its primary shows. It need not be kept from
 * going on: its client may be back, and its prewrite looks at what has become of its locks.
 */
export class PessimisticResolver {
  readonly #router: Router;
  readonly #timestamp: () => Promise<Timestamp>;

  constructor(router: Router, timestamp: () => Promise<Timestamp>) {
    this.#router = router;
    this.#timestamp = timestamp;
  }

  /**
   * Milliseconds for which the transaction is alive; 0: the locks are gone. Undefined: it has ended, or may be
   * committed by its locks, and these follow it as any others.
   */
  async resolve(locks: readonly LockInfo[], operation: Operation): Promise<number | undefined> {
    const { startTs, primary } = locks[0]!;
    const currentTs = await this.#router.within(operation, this.#timestamp());
    const { error, lockTtl, action } = await this.#router.send(
      primary,
      tinykvpb.TinyKv.kvCheckTxnStatus,
      (context) => ({
        context,
        primaryKey: primary,
        lockTs: startTs,
        currentTs,
        resolvingPessimisticLock: true,
      }),
      part(operation),
    );
    // The transaction has another primary by now, and the lock soon says so.
    if (error?.primaryMismatch !== undefined) return 1;
    if (error !== undefined) return undefined;
    if (lockTtl > 0) {
      const ttlMs = physicalMs(startTs) + lockTtl - physicalMs(currentTs);
      return ttlMs > 0 ? ttlMs : undefined;
    }
    if (action !== TTLExpirePessimisticRollback && action !== LockNotExistDoNothing) {
      return undefined;
    }
    // The primary's lock may be on its way, or be lost with its leader, which the transaction's commit finds out.
    const aliveMs = locksLiveFor(locks, currentTs);
    if (action === LockNotExistDoNothing && aliveMs > 0) return aliveMs;
    await this.#unlock(locks, operation);
    return 0;
  }

  #unlock(locks: readonly LockInfo[], operation: Operation): Promise<void> {
    const { startTs: startVersion } = locks[0]!;
    return this.#router.sendGrouped(
      locks,
      (lock) => lock.key,
      (some) => [some],
      async (region, some, forked) => {
        const keys = some.map(({ key }) => key);
        const forUpdateTs = some.map((lock) => lock.forUpdateTs).reduce(maxTimestamp);
        const response = await this.#router.sendToRegion(
          region,
          tinykvtxn.Txn.kvPessimisticRollback,
          (context) => ({ context, keys, startVersion, forUpdateTs }),
          forked,
        );
        return response !== undefined;
      },
      part(operation),
    );
  }
}
