import type { Timestamp } from '@tinykv/base';
import { describeKeyError, type KeyError } from '@tinykv/model';
import {
  BelowSafePointError,
  DeadlockError,
  KeyLockedError,
  LockWaitTimeoutError,
  type RetryableTxnError,
  TxnAbortedError,
  WriteConflictError,
} from './errors.js';

/** What a transaction throws for a key error that it can do nothing about. */
export function keyErrorToThrow(error: KeyError, startTs: Timestamp): RetryableTxnError {
  switch (error.type) {
    case 'locked':
      return new KeyLockedError(error.lock);
    case 'conflict':
      return new WriteConflictError(error.key, startTs, error.conflictTs);
    case 'deadlock':
      return new DeadlockError(startTs, error.waitChain, describeKeyError(error));
    case 'lock-wait-timeout':
      return new LockWaitTimeoutError(error.key, error.lockTs);
    case 'below-safe-point':
      return new BelowSafePointError(error.ts, error.safePoint);
    case 'retryable':
    case 'abort':
    case 'commit-ts-expired':
    case 'primary-mismatch':
      return new TxnAbortedError(startTs, describeKeyError(error));
  }
}
