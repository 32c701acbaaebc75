import type { Env, Timestamp } from '@tinykv/base';
import type { LockResolver } from './lock-resolver.js';
import type { Router } from './router.js';
import type { Mutation } from './txn-buffer.js';
import type { TxnMetrics } from './txn-metrics.js';

/** What transactions share. */
export interface TxnContext {
  readonly env: Env;
  readonly router: Router;
  readonly resolver: LockResolver;
  /** Whether transactions within one Region may be committed in one phase. */
  readonly onePhase: boolean;
  /** Whether transactions over several Regions may be committed by their locks alone. */
  readonly asyncCommit: boolean;
  readonly metrics: TxnMetrics;
  /** A timestamp fetched after the call. */
  readonly timestamp: () => Promise<Timestamp>;
}

/** Locks that a transaction has taken before its commit. */
export interface HeldLocks {
  /** The newest timestamp that a lock has seen; what is committed must lie above it. */
  readonly forUpdateTs: Timestamp;
  /** What the key's lock has seen, unless it was lost since; undefined: it is not held. */
  lockedAt(key: Uint8Array): Timestamp | undefined;
}

export interface CommitInput {
  readonly startTs: Timestamp;
  /** Not empty. The first key is the primary; the others, and it too in an optimistic transaction, are in key order. */
  readonly mutations: readonly Mutation[];
  /** Of keys and values. */
  readonly bytes: number;
  /** Monotonic milliseconds of the transaction's begin. */
  readonly beganAt: number;
  /** Undefined: the transaction is optimistic. */
  readonly locks: HeldLocks | undefined;
  /** It is run again if it fails, and then waits in line for the keys that were in its way. */
  readonly yields: boolean;
  /** Takes in keys that others wrote or keep locked, so that the commit fails. */
  readonly contended: Uint8Array[];
}
