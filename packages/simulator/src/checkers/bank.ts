import type { Interval } from './linearizability.js';

/** All balances as one snapshot shows them. */
export interface BankRead extends Interval {
  readonly ts: bigint;
  readonly balances: readonly number[];
}
