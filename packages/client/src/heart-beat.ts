import { errorMessage, type Timer, type Timestamp } from '@tinykv/base';
import { tinykvtxn } from '@tinykv/proto';
import type { TxnContext } from './txn-context.js';

/** Below half of the shortest time that a lock of a commit lives: one beat may get lost. */
const BEAT_MS = 1_000;
/** How long a transaction outlives its last beat, at most: its client is gone then. */
export const DEFAULT_LOCK_TTL_MS = 10_000;
/** A transaction older than this was forgotten by whoever began it. */
const AGE_MAX_MS = 3_600_000;

/** The time to live, from the start, of the primary's lock of a transaction that will be kept alive. */
export function livesFor({ beganAt, lockTtlMs }: LivingTxn, nowMono: number): number {
  return Math.ceil(nowMono - beganAt + lockTtlMs);
}

/** What a transaction is known by, and since when it is there. */
export interface LivingTxn {
  readonly startTs: Timestamp;
  /** Monotonic milliseconds. */
  readonly beganAt: number;
  /** How long its locks outlive its client. */
  readonly lockTtlMs: number;
}

/**
 * Keeps a transaction's primary lock alive while its client works on it. A transaction that ends before the first
 * beat is due costs a timer and no request. Beats that find no lock are no failure: it is not there yet, or the
 * transaction was ended, and whoever goes on with it finds that out.
 */
export class HeartBeat {
  readonly #context: TxnContext;
  readonly #txn: LivingTxn;
  #primary: Uint8Array | undefined;
  #timer: Timer | undefined;

  constructor(context: TxnContext, txn: LivingTxn) {
    this.#context = context;
    this.#txn = txn;
  }

  /** Beats until {@link stop}. The primary of a transaction never changes. */
  start(primary: Uint8Array): void {
    if (this.#primary !== undefined) return;
    this.#primary = primary;
    this.#schedule(primary);
  }

  /** A beat that is under way may still arrive. */
  stop(): void {
    this.#timer?.cancel();
    this.#primary = undefined;
  }

  #schedule(primary: Uint8Array): void {
    const { env, router } = this.#context;
    const { clock } = env;
    const beatMs = Math.min(BEAT_MS, this.#txn.lockTtlMs / 3);
    if (clock.mono() - this.#txn.beganAt > AGE_MAX_MS) return;
    // The client's end is the end of its transactions.
    this.#timer = router.life.commits.after(clock, beatMs, () => void this.#beat(primary));
  }

  async #beat(primaryLock: Uint8Array): Promise<void> {
    const { env, router } = this.#context;
    const { startTs: startVersion, lockTtlMs } = this.#txn;
    try {
      await router.send(
        primaryLock,
        tinykvtxn.Txn.kvTxnHeartBeat,
        (context) => {
          const adviseLockTtl = livesFor(this.#txn, env.clock.mono());
          return { context, primaryLock, startVersion, adviseLockTtl };
        },
        router.begin('repeatable', lockTtlMs),
      );
    } catch (error) {
      if (router.life.commits.isOver) return;
      env.logger.warn('heartbeat failed', {
        startTs: String(startVersion),
        error: errorMessage(error),
      });
    }
    if (this.#primary === primaryLock) this.#schedule(primaryLock);
  }
}
