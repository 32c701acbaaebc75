import { KvError } from '@tinykv/base';
import type { CallOptions } from './call-limits.js';
import { checkCount } from './check-count.js';
import { DEFAULT_LOCK_TTL_MS } from './heart-beat.js';

/** `timeoutMs` is for each call, `signal` ends all of them. */
export interface TxnOptions extends CallOptions {
  /** Milliseconds from the begin to the answer of the commit; default: no end. */
  readonly lifetimeMs?: number | undefined;
  /** Locks are taken as keys are asked for, not with the commit. Default false. */
  readonly pessimistic?: boolean | undefined;
  /** How long a call of a pessimistic transaction waits for locks; 0: not at all. Default: as long as the call may take. */
  readonly lockWaitMs?: number | undefined;
  /**
   * Pessimistic locks are answered before they are on a quorum: faster, and now and then one is lost, which the
   * commit finds out. Default false.
   */
  readonly pipelined?: boolean | undefined;
  /**
   * Milliseconds from 1,000 to 600,000 for which pessimistic locks stay when the client dies; heartbeats keep them for as
   * long as it lives. A client that is held up for longer loses them, which the commit finds out. Default 10,000.
   */
  readonly lockTtlMs?: number | undefined;
}

/** Options of a call that locks keys. */
export interface LockOptions extends CallOptions {
  /** As {@link TxnOptions.lockWaitMs}, for this call. */
  readonly lockWaitMs?: number | undefined;
}

/** How a function is run in transactions until one is committed. */
export interface RunState {
  /** It belongs to a function, and ends with it. */
  readonly isRun: boolean;
  /** Keys are going to be locked by {@link Txn.lockAhead}. */
  readonly locksAhead: boolean;
  readonly isRunAgain: boolean;
}

const LOCK_TTL_MS_MIN = 1_000;
const LOCK_TTL_MS_MAX = 600_000;

/** Throws KvError INVALID_ARGUMENT for times that are none. */
export function checkTxnOptions(options: TxnOptions): void {
  checkCount(options.timeoutMs, 'timeoutMs');
  checkCount(options.lifetimeMs, 'lifetimeMs');
  checkCount(options.lockWaitMs, 'lockWaitMs');
  lockTtlOf(options);
}

/** Throws KvError INVALID_ARGUMENT for one that is out of bounds. */
export function lockTtlOf({ lockTtlMs = DEFAULT_LOCK_TTL_MS }: TxnOptions): number {
  if (lockTtlMs >= LOCK_TTL_MS_MIN && lockTtlMs <= LOCK_TTL_MS_MAX) return lockTtlMs;
  const text = `lockTtlMs ${lockTtlMs} is not between ${LOCK_TTL_MS_MIN} and ${LOCK_TTL_MS_MAX}`;
  throw new KvError('INVALID_ARGUMENT', text);
}
