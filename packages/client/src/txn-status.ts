import type { Timestamp } from '@tinykv/base';

/** What became of a transaction. All but `alive` never changes. */
export type TxnStatus =
  /** `ttlMs`: how long its lock is good for, from now. It will not be committed below `minCommitTs`. */
  | { readonly type: 'alive'; readonly ttlMs: number; readonly minCommitTs: Timestamp }
  | { readonly type: 'committed'; readonly commitTs: Timestamp }
  | { readonly type: 'rolled-back' };

/** Names a transaction: its start and, since that is not checked by anyone, its primary. */
export interface TxnName {
  readonly startTs: Timestamp;
  readonly primary: Uint8Array;
}
