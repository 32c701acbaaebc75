export { WaitForGraph } from './deadlock.js';
export type { DeadlockDetector } from './deadlock-detector.js';
export { TxnExecutor } from './executor.js';
export type { Collected, CollectRequest, ResolvedUpTo } from './gc-commands.js';
export type { Answer } from './latched-commands.js';
export { AnswerTooLargeError } from './mvcc/answer-budget.js';
export type { TxnStatus } from './mvcc/check-txn.js';
export type { KeyHistory, KeyVersion } from './mvcc/key-history.js';
export type {
  Change,
  Companion,
  OneKeyOutcome,
  OneKeyWrite,
} from './mvcc/one-key.js';
export type { PairSink, ScanPair } from './mvcc/pair-sink.js';
export type { Mutation } from './mvcc/prewrite.js';
export type { ResolveTxn } from './mvcc/resolve.js';
export type { ScanEnd } from './mvcc/scan.js';
export type { OneKeyRequest } from './one-key-commands.js';
export { RawExecutor } from './raw.js';
export type { ExpiryPage, RawExpiry } from './raw-expiry.js';
export type {
  RawAnswer,
  RawPair,
  RawScanRequest,
  RawSwap,
  RawSwapRequest,
} from './raw-requests.js';
export { hasExpiries } from './raw-scan.js';
export type {
  CheckTxnRequest,
  CommitRequest,
  GetAnswer,
  HeartBeatRequest,
  LockedValue,
  LockScanRequest,
  PairsAnswer,
  PessimisticLockAnswer,
  PessimisticLockRequest,
  PessimisticRollbackRequest,
  PrewriteAnswer,
  PrewriteRequest,
  RollbackRequest,
  TxnContext,
  TxnScanRequest,
  VersionsAnswer,
} from './requests.js';
