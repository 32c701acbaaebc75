export { Client, type ClientOptions } from './client.js';
export { type ConnectOptions, connect } from './connect.js';
export {
  BelowSafePointError,
  DeadlockError,
  EntryTooLargeError,
  KeyLockedError,
  LockWaitTimeoutError,
  type Outcome,
  RegionUnavailableError,
  RequestError,
  RetryableTxnError,
  SchedulerError,
  TxnAbortedError,
  UndeterminedError,
  WriteConflictError,
} from './errors.js';
export type { Inspector, KeyHistory, KeyVersion, LockScanOptions } from './inspector.js';
export type { KvPair, ScanOptions } from './range-scan.js';
export type { RawClient, RawOptions, RawScanOptions, RawWriteOptions } from './raw.js';
export type {
  AdminOperator,
  ClusterStatus,
  RegionStatus,
  SchedulerAdmin,
  StoreStatus,
} from './scheduler-admin.js';
export { SchedulerClient, type SchedulerClientOptions } from './scheduler-client.js';
export type { Txn, TxnOptions, TxnState } from './txn.js';
export type { RunOptions, TxnClient } from './txn-client.js';
