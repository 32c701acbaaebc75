import {
  describeBytes,
  KvError,
  type KvErrorCode,
  type RegionId,
  type Timestamp,
} from '@tinykv/base';
import type { LockInfo, WaitForEdge } from '@tinykv/model';

/**
 * What is known of a request that got no answer: `not-sent` certainly had no effect, `refused` was turned
 * down by the store before it did anything, `unknown` may have been carried out.
 */
export type Outcome = 'not-sent' | 'refused' | 'unknown';

/** One request to one store failed below the level of Regions and keys. */
export class RequestError extends KvError {
  override readonly name = 'RequestError';
  readonly outcome: Outcome;

  constructor(code: KvErrorCode, message: string, outcome: Outcome, options?: { cause?: unknown }) {
    super(code, message, options);
    this.outcome = outcome;
  }
}

/** The write may or may not have been carried out, now or later. Never retried by this package. */
export class UndeterminedError extends KvError {
  override readonly name = 'UndeterminedError';

  constructor(message: string, options?: { cause?: unknown }) {
    super('UNKNOWN', message, options);
  }
}

/** No store served the request before its deadline; it certainly had no effect. */
export class RegionUnavailableError extends KvError {
  override readonly name = 'RegionUnavailableError';
  /** 0: the Region could not be found. */
  readonly regionId: RegionId;

  constructor(regionId: RegionId, message: string, options?: { cause?: unknown }) {
    super('UNAVAILABLE', message, options);
    this.regionId = regionId;
  }
}

/** The write is larger than one log entry can hold (`limits.raftEntryBytesMax`). */
export class EntryTooLargeError extends KvError {
  override readonly name = 'EntryTooLargeError';
  readonly entryBytes: number;

  constructor(entryBytes: number) {
    super('INVALID_ARGUMENT', `an entry of ${entryBytes} bytes is too large`);
    this.entryBytes = entryBytes;
  }
}

/** A key that was to be inserted exists. */
export class KeyExistsError extends KvError {
  override readonly name = 'KeyExistsError';
  readonly key: Uint8Array;

  constructor(key: Uint8Array) {
    super('FAILED_PRECONDITION', `key ${describeBytes(key)} exists`);
    this.key = key;
  }
}

/** The transaction was not committed and left nothing; it may be run again with a new timestamp. */
export abstract class RetryableTxnError extends KvError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('FAILED_PRECONDITION', message, options);
  }
}

/** Another transaction committed a key, or rolled this one back, after this one's start. */
export class WriteConflictError extends RetryableTxnError {
  override readonly name = 'WriteConflictError';
  readonly key: Uint8Array;
  readonly startTs: Timestamp;
  readonly conflictTs: Timestamp;

  constructor(key: Uint8Array, startTs: Timestamp, conflictTs: Timestamp) {
    super(`key ${describeBytes(key)} was written at ${conflictTs}, after the start at ${startTs}`);
    this.key = key;
    this.startTs = startTs;
    this.conflictTs = conflictTs;
  }
}

/** A key stayed locked by a living transaction for longer than this one was ready to wait. */
export class KeyLockedError extends RetryableTxnError {
  override readonly name = 'KeyLockedError';
  readonly lock: LockInfo;

  constructor(lock: LockInfo) {
    super(`key ${describeBytes(lock.key)} is locked by the transaction of ${lock.startTs}`);
    this.lock = lock;
  }
}

/** The transaction was rolled back, by another client that took it for dead or by the store. */
export class TxnAbortedError extends RetryableTxnError {
  override readonly name = 'TxnAbortedError';
  readonly startTs: Timestamp;

  constructor(startTs: Timestamp, reason: string) {
    super(`transaction ${startTs} was aborted: ${reason}`);
    this.startTs = startTs;
  }
}

/** Waiting for a lock would have closed a cycle of transactions that wait for one another; this one is to give way. */
export class DeadlockError extends RetryableTxnError {
  override readonly name = 'DeadlockError';
  readonly startTs: Timestamp;
  /** Each waits for the next; the last edge leads back to the first transaction. */
  readonly waitChain: readonly WaitForEdge[];

  constructor(startTs: Timestamp, waitChain: readonly WaitForEdge[], message: string) {
    super(message);
    this.startTs = startTs;
    this.waitChain = waitChain;
  }
}

/** A pessimistic lock was not to be had within the time that the transaction waits for locks. */
export class LockWaitTimeoutError extends RetryableTxnError {
  override readonly name = 'LockWaitTimeoutError';
  readonly key: Uint8Array;
  /** The start of the transaction that holds the lock. */
  readonly lockTs: Timestamp;

  constructor(key: Uint8Array, lockTs: Timestamp, options?: { cause?: unknown }) {
    super(`key ${describeBytes(key)} stayed locked by the transaction of ${lockTs}`, options);
    this.key = key;
    this.lockTs = lockTs;
  }
}

/** The versions that the timestamp would see may be collected already; a new timestamp helps. */
export class BelowSafePointError extends RetryableTxnError {
  override readonly name = 'BelowSafePointError';
  readonly ts: Timestamp;
  readonly safePoint: Timestamp;

  constructor(ts: Timestamp, safePoint: Timestamp) {
    super(`timestamp ${ts} is below the safe point ${safePoint}`);
    this.ts = ts;
    this.safePoint = safePoint;
  }
}

/** The scheduler took the call and said no (schedulerpb.ResponseHeader.error). */
export class SchedulerError extends KvError {
  override readonly name = 'SchedulerError';
  /** A schedulerpb.ErrorType. */
  readonly type: number;

  constructor(type: number, message: string) {
    super('FAILED_PRECONDITION', message);
    this.type = type;
  }
}
