import { maxTimestamp, physicalMs, type Timestamp, TS_ZERO } from '@tinykv/base';
import type { LockInfo } from '@tinykv/model';
import { keyErrorFromWire, kvrpcpb, lockFromWire, tinykvpb, tinykvtxn } from '@tinykv/proto';
import { keyErrorToThrow } from './key-errors.js';
import type { Operation } from './operation.js';
import { locksLiveFor, part, resolveKeys } from './resolve-locks.js';
import type { Router } from './router.js';
import type { TxnName, TxnStatus } from './txn-status.js';

const rpc = tinykvpb.TinyKv;

/** For whom a primary is asked. */
export interface CheckMode {
  /** Of a read that asks to be let past the lock; 0: nobody does. */
  readonly callerStartTs: Timestamp;
  /** Nobody works on the transaction any more. */
  readonly isOver: boolean;
  readonly forceSyncCommit: boolean;
  /** Of the transaction, that were met. While they live a primary that is missing may be on its way. */
  readonly met: readonly LockInfo[];
}

export const STRANGER: CheckMode = {
  callerStartTs: TS_ZERO,
  isOver: false,
  forceSyncCommit: false,
  met: [],
};

/** What the store of some secondaries says; fewer locks than were asked for: the transaction has ended. */
interface SecondaryLocks {
  readonly asked: number;
  readonly locks: readonly LockInfo[];
  readonly commitTs: Timestamp;
}

/** Asks the primaries of transactions what has become of these and, of asynchronous commits, their other keys. */
export class Primaries {
  readonly #router: Router;
  readonly #timestamp: () => Promise<Timestamp>;

  constructor(router: Router, timestamp: () => Promise<Timestamp>) {
    this.#router = router;
    this.#timestamp = timestamp;
  }

  /** Rolls the transaction back if it has expired. Throws as the router does. */
  async check(txn: TxnName, operation: Operation, mode: CheckMode): Promise<TxnStatus> {
    const { primary, startTs } = txn;
    const { forceSyncCommit, callerStartTs } = mode;
    const currentTs = await this.#router.within(operation, this.#timestamp());
    const metMs = mode.met.length === 0 ? 0 : locksLiveFor(mode.met, currentTs);
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
        leaveMissingPrimary: metMs > 0,
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
      const isUndecided = lock !== undefined && !isByLocks;
      return { type: 'alive', ttlMs: Math.max(1, ttlMs), minCommitTs, isUndecided };
    }
    if (response.action === kvrpcpb.Action.LockNotExistDoNothing) {
      return { type: 'alive', ttlMs: metMs, minCommitTs: TS_ZERO, isUndecided: true };
    }
    if (response.commitVersion === TS_ZERO) {
      return { type: 'rolled-back' };
    }
    return { type: 'committed', commitTs: response.commitVersion };
  }

  /**
   * Ends a transaction that may be committed by its locks alone: it is, if all its keys are locked; if one is not,
   * the store has seen to it that it never will be.
   */
  async #checkLocks(lock: LockInfo, operation: Operation, mode: CheckMode): Promise<TxnStatus> {
    const { startTs, primary, secondaries } = lock;
    const found = await this.#secondaryLocks(lock, operation);
    const locks = found.flatMap((answer) => answer.locks);
    const ended = found.find((answer) => answer.locks.length < answer.asked);
    if (ended === undefined && locks.some((each) => !each.isAsyncCommit)) {
      // It has gone back to two phases: its primary decides, as long as it lives.
      return this.check({ startTs, primary }, operation, { ...mode, forceSyncCommit: true });
    }
    const byLocks = [lock, ...locks].map((each) => each.minCommitTs).reduce(maxTimestamp);
    const commitTs = ended === undefined ? byLocks : ended.commitTs;
    await resolveKeys(this.#router, [primary, ...secondaries], startTs, commitTs, operation);
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
}
