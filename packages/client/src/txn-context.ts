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

export interface CommitInput {
  readonly startTs: Timestamp;
  /** Not empty; in key order. The first key is the primary. */
  readonly mutations: readonly Mutation[];
  /** Of keys and values. */
  readonly bytes: number;
  /** Monotonic milliseconds of the transaction's begin. */
  readonly beganAt: number;
}
