import { gatewayMutants } from './gateway.js';
import type { Mutant } from './mutant.js';
import { raftMutants } from './raft.js';
import { raftstoreMutants } from './raftstore.js';
import { schedulerMutants } from './scheduler.js';
import { txnMutants } from './txn.js';

/** All mutants; each must be convicted within a few dozen seeds of the suite. */
export const mutants: readonly Mutant[] = [
  ...raftMutants,
  ...raftstoreMutants,
  ...txnMutants,
  ...gatewayMutants,
  ...schedulerMutants,
];
