export type { WriteCondition } from '@tinykv/model';
export { GroupWalk, type KeyGroups } from '@tinykv/model';
export type { AbortSignalLike } from './abort.js';
export type { CallOptions } from './call-limits.js';
export { Client, type ClientOptions } from './client.js';
export type { Committed } from './committed.js';
export { type ConnectOptions, connect } from './connect.js';
export {
  BelowSafePointError,
  DeadlockError,
  EntryTooLargeError,
  KeyExistsError,
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
export type { KeyRead, KeyReader } from './key-reads.js';
export { LockSweeper } from './lock-sweeper.js';
export type { OneKey } from './one-key.js';
export type { OneKeyWriter } from './one-key-calls.js';
export type { KeyChange, OneKeyResult, OneKeyWrite } from './one-key-wire.js';
export type { KvPair, ScanOptions } from './range-scan.js';
export type {
  RawClient,
  RawOptions,
  RawPutOptions,
  RawScanOptions,
  RawSwap,
  RawSwapOptions,
  RawWriteOptions,
} from './raw.js';
export type { ReadSnapshot } from './read-snapshot.js';
export type { Router } from './router.js';
export type { Scan } from './scan.js';
export type {
  AdminOperator,
  ClusterStatus,
  GcService,
  GcSettings,
  GcStatus,
  OperatorInfo,
  RegionStatus,
  SchedulerAdmin,
  StoreCondition,
  StoreStatus,
} from './scheduler-admin.js';
export { SchedulerClient, type SchedulerClientOptions } from './scheduler-client.js';
export type { Isolation, ReadVersion, ReadVersions } from './snapshot.js';
export { type StoreRouter, storeRouter } from './store-router.js';
export { timestampOf } from './timestamp-of.js';
export type { Transactions } from './transactions.js';
export type { Txn } from './txn.js';
export type { Savepoint } from './txn-buffer.js';
export type { RunOptions, SnapshotOptions } from './txn-client.js';
export type { LockOptions, TxnOptions } from './txn-options.js';
export type { TxnState } from './txn-progress.js';
export { bytesCodec, type Codec, type Codecs, jsonCodec, utf8Codec } from './typed/codec.js';
export type { TypedClient, TypedRaw, TypedTransactions } from './typed/typed-client.js';
export type { TypedPair, TypedReads, TypedScanOptions } from './typed/typed-reads.js';
export type { TypedSnapshot, TypedTxn } from './typed/typed-txn.js';
