import type { Timestamp } from '@tinykv/base';
import type { KeyError, KeyGroups, RequestContext } from '@tinykv/model';
import type { ScanPair } from './mvcc/pair-sink.js';
import type { Mutation } from './mvcc/prewrite.js';
import type { Isolation } from './mvcc/read.js';

/** Timestamps in requests are whatever a client sent; keys are user keys. */
export interface TxnContext extends RequestContext {
  /** The client wants TiKV's answers where TinyKV's would break linearizability. */
  readonly strict: boolean;
  /** Default: snapshot. */
  readonly isolation?: Isolation | undefined;
  /** Starts of transactions whose locks reads skip: they are rolled back, or commit above the read. */
  readonly resolvedLocks?: ReadonlySet<Timestamp> | undefined;
}

/** A list of found and locked keys, or why nothing was read. */
export type PairsAnswer =
  | { readonly type: 'pairs'; readonly pairs: readonly ScanPair[] }
  | { readonly type: 'key-error'; readonly error: KeyError };

/** `commitTs`: of the Put or Delete that is seen; 0 when there is none. */
export type GetAnswer =
  | { readonly type: 'value'; readonly value: Uint8Array; readonly commitTs: Timestamp }
  | { readonly type: 'not-found'; readonly commitTs: Timestamp }
  | { readonly type: 'key-error'; readonly error: KeyError };

/** What each key is at a timestamp, in the order of the keys; or why nothing was read. */
export type VersionsAnswer =
  | {
      readonly type: 'versions';
      readonly versions: readonly (GetAnswer & { readonly key: Uint8Array })[];
      /** Versions that only timestamps below it see may be gone. */
      readonly safePoint: Timestamp;
    }
  | { readonly type: 'key-error'; readonly error: KeyError };

export interface TxnScanRequest {
  readonly startKey: Uint8Array;
  /** Empty: no end. */
  readonly endKey: Uint8Array;
  readonly limit: number;
  readonly ts: Timestamp;
  readonly reverse: boolean;
  readonly keyOnly: boolean;
  /** So many first bytes of each value; 0 or undefined: all of it. */
  readonly valueBytesMax?: number;
  /** The answer may end once it has about so many bytes; 0 or undefined: it does not. */
  readonly answerBytesMax?: number;
  /** Which keys are wanted, of a scan upwards; undefined: all. */
  readonly groups?: KeyGroups | undefined;
}

export interface PrewriteRequest {
  readonly mutations: readonly Mutation[];
  readonly primary: Uint8Array;
  readonly startTs: Timestamp;
  readonly ttlMs: number;
  /** Of a pessimistic transaction. */
  readonly forUpdateTs?: Timestamp;
  /** These are all keys of the transaction: it may be committed at once. */
  readonly tryOnePc?: boolean;
  /** The transaction is to be committed once all its keys are prewritten; its other keys, if its primary is here. */
  readonly asyncCommit?: { readonly secondaries: readonly Uint8Array[] } | undefined;
  /** The commit timestamp must not be below it. */
  readonly minCommitTs?: Timestamp;
}

/**
 * `onePcCommitTs`: the transaction is committed. `minCommitTs`: it is once all its keys are prewritten so, at the
 * highest of theirs. Neither: it is prewritten, unless there are errors.
 */
export interface PrewriteAnswer {
  readonly errors: readonly KeyError[];
  readonly onePcCommitTs?: Timestamp;
  readonly minCommitTs?: Timestamp;
}

export interface CommitRequest {
  readonly keys: readonly Uint8Array[];
  readonly startTs: Timestamp;
  readonly commitTs: Timestamp;
}

export interface HeartBeatRequest {
  readonly primary: Uint8Array;
  readonly startTs: Timestamp;
  /** From the start on. */
  readonly ttlMs: number;
}

export interface RollbackRequest {
  readonly keys: readonly Uint8Array[];
  readonly startTs: Timestamp;
}

export interface CheckTxnRequest {
  readonly primary: Uint8Array;
  readonly startTs: Timestamp;
  readonly currentTs: Timestamp;
  /** Treat the lock of an async commit as any other: somebody knows that it has fallen back to two phases. */
  readonly forceSyncCommit?: boolean;
  /** The start of the read that is in the way of the lock; 0: none. */
  readonly callerStartTs?: Timestamp;
  /** The lock that was met is pessimistic: see {@link TxnStatus}. */
  readonly resolvingPessimisticLock?: boolean;
  /** The lock that was met still lives: see {@link TxnStatus}. */
  readonly leaveMissingPrimary?: boolean;
}

export interface PessimisticLockRequest {
  readonly keys: readonly Uint8Array[];
  readonly primary: Uint8Array;
  readonly startTs: Timestamp;
  readonly ttlMs: number;
  readonly forUpdateTs: Timestamp;
  readonly minCommitTs: Timestamp;
  /** Grant locks in spite of newer versions. Its client keeps its place in the queue of a key from one request to the next. */
  readonly forceLock?: boolean;
  /** The transaction of this start is alive: its lock is worth waiting for even if it seems to have expired. */
  readonly aliveLockTs?: Timestamp;
  /** How long to wait for another's lock; 0: not at all; undefined: as long as the store does. */
  readonly waitMs: number | undefined;
  readonly returnValues: boolean;
  /** Answer before the locks are on a quorum. */
  readonly pipelined: boolean;
}

/** The newest version of a key under its lock. */
export interface LockedValue {
  /** Undefined: the key does not exist. */
  readonly value: Uint8Array | undefined;
  /** 0: it never did. */
  readonly commitTs: Timestamp;
  /** Above the request's `forUpdateTs`: the lock was taken all the same; 0: it was taken without a conflict. */
  readonly conflictTs: Timestamp;
}

/** With an error no key was locked by this request. */
export interface PessimisticLockAnswer {
  readonly error?: KeyError;
  /** One for each key, if asked for or if one of them was locked with a conflict. */
  readonly values: readonly LockedValue[];
}

export interface PessimisticRollbackRequest {
  readonly keys: readonly Uint8Array[];
  readonly startTs: Timestamp;
  /** Locks that were taken later stay. */
  readonly forUpdateTs: Timestamp;
}

export interface CheckSecondariesRequest {
  readonly keys: readonly Uint8Array[];
  readonly startTs: Timestamp;
}

export interface LockScanRequest {
  /** Locks of transactions that began at or before it. */
  readonly maxTs: Timestamp;
  readonly startKey: Uint8Array;
  /** Empty: no end. */
  readonly endKey: Uint8Array;
  /** 0: as many as one answer has. */
  readonly limit: number;
}
