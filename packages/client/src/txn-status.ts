import type { Timestamp } from '@tinykv/base';

/** Of a transaction that has not ended, as far as its primary shows. */
export interface LivingStatus {
  readonly type: 'alive';
  /** How long its locks are good for, from now. */
  readonly ttlMs: number;
  /** It will not be committed below. */
  readonly minCommitTs: Timestamp;
  /** It was not committed when its primary was asked. False: an asynchronous commit may be one by its locks. */
  readonly isUndecided: boolean;
}

/** What became of a transaction. All but `alive` never changes. */
export type TxnStatus =
  | LivingStatus
  | { readonly type: 'committed'; readonly commitTs: Timestamp }
  | { readonly type: 'rolled-back' };

/** Names a transaction: its start and, since that is not checked by anyone, its primary. */
export interface TxnName {
  readonly startTs: Timestamp;
  readonly primary: Uint8Array;
}
