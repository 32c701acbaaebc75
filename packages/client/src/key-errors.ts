import type { Timestamp } from '@tinykv/base';
import type { KeyError } from '@tinykv/model';
import {
  KeyLockedError,
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
    case 'retryable':
    case 'abort':
      return new TxnAbortedError(startTs, error.message);
  }
}

export function describeKeyError(error: KeyError): string {
  return keyErrorToThrow(error, 0n).message;
}
