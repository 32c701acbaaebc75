import { assert, compareBytes, KvError, type Timestamp } from '@tinykv/base';
import type { CallLimits, CallOptions } from './call-limits.js';
import { checkKey } from './check-arguments.js';
import type { Operation } from './operation.js';
import type { PessimisticLocks } from './pessimistic-locks.js';
import type { TxnBuffer } from './txn-buffer.js';
import type { LockOptions } from './txn-options.js';
import type { TxnProgress } from './txn-progress.js';

/** The calls of a transaction that lock keys. */
export class TxnLocking {
  /** Undefined: the transaction is optimistic, and has locked nothing ahead. */
  readonly #locks: PessimisticLocks | undefined;
  readonly #isPessimistic: boolean;
  readonly #buffer: TxnBuffer;
  readonly #limits: CallLimits;
  readonly #progress: TxnProgress;

  constructor(
    locks: PessimisticLocks | undefined,
    isPessimistic: boolean,
    buffer: TxnBuffer,
    limits: CallLimits,
    progress: TxnProgress,
  ) {
    this.#locks = locks;
    this.#isPessimistic = isPessimistic;
    this.#buffer = buffer;
    this.#limits = limits;
    this.#progress = progress;
  }

  /**
   * Locks keys, one after the other in their order, so that transactions which do the same never wait for one another in
   * a circle. The result is to be read from then on: a snapshot that agrees with the values under the locks.
   */
  async lockAhead(keys: readonly Uint8Array[], startTs: Timestamp): Promise<Timestamp> {
    const locks = this.#locks;
    assert(locks !== undefined, 'a transaction that takes no locks is to lock ahead');
    for (const key of [...keys].sort(compareBytes)) {
      await this.#within(undefined, (operation) => locks.lock([key], operation));
    }
    if (locks.forUpdateTs <= startTs) return startTs;
    await this.#within(undefined, (operation) => locks.renew(operation));
    return locks.forUpdateTs;
  }

  /** As {@link Txn.lockKeys}. */
  async lock(keys: readonly Uint8Array[], options: LockOptions | undefined): Promise<void> {
    this.#check(keys);
    const locks = this.#isPessimistic ? this.#locks : undefined;
    if (locks === undefined) {
      for (const key of keys) this.#buffer.set({ kind: 'lock', key });
      return;
    }
    await this.#within(options, (operation) => locks.lock(keys, operation, options?.lockWaitMs));
  }

  /** As {@link Txn.tryLockKeys}. */
  async tryLock(
    keys: readonly Uint8Array[],
    options: CallOptions | undefined,
  ): Promise<Uint8Array[]> {
    this.#check(keys);
    const locks = this.#isPessimistic ? this.#locks : undefined;
    if (locks === undefined) {
      throw new KvError('FAILED_PRECONDITION', 'an optimistic transaction takes no locks');
    }
    await this.#within(options, (operation) => locks.tryLock(keys, operation));
    return keys.filter((key) => locks.held.has(key));
  }

  #check(keys: readonly Uint8Array[]): void {
    this.#progress.checkOpen();
    for (const key of keys) checkKey(key);
  }

  async #within(
    options: CallOptions | undefined,
    work: (operation: Operation) => Promise<void>,
  ): Promise<void> {
    try {
      await this.#limits.read(options, work);
    } catch (error) {
      throw this.#progress.failed(error);
    }
  }
}
