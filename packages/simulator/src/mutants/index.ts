import { clientMutants } from './client.js';
import { engineMutants } from './engine.js';
import { gatewayMutants } from './gateway.js';
import { gatewayExpiryMutants } from './gateway-expiry.js';
import { gatewayTurnMutants } from './gateway-turn.js';
import type { Mutant } from './mutant.js';
import { oneKeyMutants } from './one-key.js';
import { raftMutants } from './raft.js';
import { raftstoreMutants1 } from './raftstore-1.js';
import { raftstoreMutants2 } from './raftstore-2.js';
import { replicaMutants } from './replica.js';
import { scanMutants } from './scan.js';
import { schedulerMutants } from './scheduler.js';
import { txnMutants1 } from './txn-1.js';
import { txnMutants2 } from './txn-2.js';

/** All mutants; each must be convicted within a few dozen seeds of the suite. */
export const mutants: readonly Mutant[] = [
  ...raftMutants,
  ...raftstoreMutants1,
  ...raftstoreMutants2,
  ...txnMutants1,
  ...txnMutants2,
  ...gatewayMutants,
  ...gatewayTurnMutants,
  ...gatewayExpiryMutants,
  ...schedulerMutants,
  ...replicaMutants,
  ...clientMutants,
  ...oneKeyMutants,
  ...scanMutants,
  ...engineMutants,
];
