import type { Interval } from './history.js';

export type TxnOp =
  | { readonly kind: 'append'; readonly key: string; readonly value: number }
  | { readonly kind: 'read'; readonly key: string; readonly values: readonly number[] };

/** A transaction over lists, each value appended once to its key. */
export interface TxnRecord extends Interval {
  readonly outcome: 'ok' | 'fail' | 'unknown';
  readonly ops: readonly TxnOp[];
  readonly startTs: bigint;
  /** It locked everything that it read before it read it, so its reads hold until it commits. */
  readonly locking?: boolean;
  /** Of transactions that wrote and are known to have committed. */
  readonly commitTs?: bigint;
}
