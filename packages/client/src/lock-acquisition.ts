import {
  copyBytes,
  equalBytes,
  KvError,
  maxTimestamp,
  type Timestamp,
  TS_ZERO,
} from '@tinykv/base';
import { keyErrorFromWire, type kvrpcpb, tinykvtxn } from '@tinykv/proto';
import { LockWaitTimeoutError } from './errors.js';
import { type LivingTxn, livesFor } from './heart-beat.js';
import { keyErrorToThrow } from './key-errors.js';
import { isPassing, type Operation } from './operation.js';
import type { CachedRegion } from './region-cache.js';
import type { TxnContext } from './txn-context.js';

const { kvPessimisticLock } = tinykvtxn.Txn;
const { WakeUpModeForceLock } = tinykvtxn.WakeUpMode;

/**
 * An answer that a store gives at the end of a wait is to come before its client's patience is over: this long
 * before, or this share of the wait.
 */
const ANSWER_MARGIN_MS = 100;
const ANSWER_MARGIN_SHARE = 0.05;
/** A store that has answered sooner did not let the request wait. */
const WAITED_MS = 500;

/** The transaction that wants locks. */
export interface LockingTxn extends LivingTxn {
  readonly pipelined: boolean;
  /** What its locks are to have seen. */
  readonly forUpdateTs: Timestamp;
  /** It has given up. */
  readonly isOver: boolean;
  /** Raises `forUpdateTs` to a fresh timestamp. */
  renew(operation: Operation): Promise<void>;
}

/** A key that is locked now. */
export interface GrantedLock {
  /** Undefined: the key does not exist. */
  readonly value: Uint8Array | undefined;
  /** What the lock has seen: nothing newer was committed when it was taken. */
  readonly forUpdateTs: Timestamp;
}

/** Who is in the way: the transaction of that start. */
interface Obstacle {
  readonly key: Uint8Array;
  readonly startTs: Timestamp;
}

interface SentLocks {
  readonly keys: readonly Uint8Array[];
  readonly primary: Uint8Array;
  /** The transaction that was found alive last. */
  readonly aliveLockTs: Timestamp;
}

/** One call for locks, over all its requests. */
export class LockAcquisition {
  readonly #context: TxnContext;
  readonly #txn: LockingTxn;
  /** Monotonic milliseconds. */
  readonly #waitsUntil: number;
  /** The last one that was met, and is in the way still. */
  #obstacle: Obstacle | undefined;

  /** `waitMs`: how long others' locks are waited for. */
  constructor(context: TxnContext, txn: LockingTxn, waitMs: number, { backoff }: Operation) {
    this.#context = context;
    this.#txn = txn;
    const remainingMs = backoff.remainingMs();
    const marginMs = Math.max(ANSWER_MARGIN_MS, remainingMs * ANSWER_MARGIN_SHARE);
    this.#waitsUntil = this.#now() + Math.min(waitMs, remainingMs - marginMs);
  }

  /** Does the work of the call. Throws {@link LockWaitTimeoutError} where its time was spent on the wait for others. */
  async within(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      // The cause at the end of the wait may be anything that could not be asked any more.
      if (this.#obstacle === undefined || !isPassing(error)) throw error;
      throw timeout(this.#obstacle, error);
    }
  }

  /**
   * Until the keys of one request are locked: what each is locked with. Undefined: their Region has changed. Throws
   * {@link LockWaitTimeoutError} when others have them for too long, and as {@link PessimisticLocks.lock} does.
   */
  async lock(
    region: CachedRegion,
    wanted: Pick<SentLocks, 'keys' | 'primary'>,
    operation: Operation,
  ): Promise<readonly GrantedLock[] | undefined> {
    let aliveLockTs = TS_ZERO;
    for (;;) {
      const sentAt = this.#now();
      const answer = await this.#send(region, { ...wanted, aliveLockTs }, operation);
      if (answer === undefined) return undefined;
      if (Array.isArray(answer)) {
        this.#forget(wanted.keys);
        return answer;
      }
      const error = keyErrorFromWire(answer);
      switch (error.type) {
        case 'conflict':
          // Of a store that does not hand locks on.
          if (operation.backoff.remainingMs() <= 0) throw this.#failure(answer);
          await this.#txn.renew(operation);
          break;
        case 'lock-wait-timeout':
          await this.#goOn({ key: error.key, startTs: error.lockTs }, sentAt, operation);
          break;
        case 'locked': {
          const { lock } = error;
          this.#obstacle = lock;
          if ((await this.#context.resolver.resolve([lock], operation)) === 0) break;
          // Back into the queue at once: only a store that has no room there is asked again later.
          const isNews = aliveLockTs !== lock.startTs;
          aliveLockTs = lock.startTs;
          await this.#goOn(lock, isNews ? Number.NEGATIVE_INFINITY : sentAt, operation);
          break;
        }
        default:
          throw this.#failure(answer);
      }
    }
  }

  /** Before the next request. A pause if the last one, that was sent at `sentAt`, was not let wait. */
  async #goOn(obstacle: Obstacle, sentAt: number, { backoff, scope }: Operation): Promise<void> {
    this.#obstacle = obstacle;
    const now = this.#now();
    const waitMs = this.#waitsUntil - now;
    if (waitMs <= 0) throw timeout(obstacle);
    if (now - sentAt >= WAITED_MS) return;
    if (await backoff.pause('key-locked', waitMs)) return;
    scope.check();
    throw timeout(obstacle);
  }

  /** The locks, or why there are none; undefined: the Region has changed. */
  async #send(
    region: CachedRegion,
    { keys, primary, aliveLockTs }: SentLocks,
    operation: Operation,
  ): Promise<GrantedLock[] | kvrpcpb.KeyError | undefined> {
    const txn = this.#txn;
    if (txn.isOver) throw new KvError('FAILED_PRECONDITION', 'the transaction is over');
    let forUpdateTs = txn.forUpdateTs;
    const response = await this.#context.router.sendToRegion(
      region,
      kvPessimisticLock,
      (context) => {
        const now = this.#now();
        const waitTimeout = Math.max(0, Math.ceil(this.#waitsUntil - now));
        forUpdateTs = txn.forUpdateTs;
        return {
          context,
          keys: [...keys],
          primaryLock: primary,
          startVersion: txn.startTs,
          lockTtl: livesFor(txn, now),
          forUpdateTs,
          minCommitTs: forUpdateTs + 1n,
          waitTimeout,
          noWait: waitTimeout === 0,
          returnValues: true,
          pipelined: txn.pipelined,
          wakeUpMode: WakeUpModeForceLock,
          aliveLockTs,
        };
      },
      operation,
    );
    if (response === undefined || response.errors.length > 0) return response?.errors[0];
    return response.values.map(({ found, value, lockedWithConflictTs }) => ({
      value: found ? copyBytes(value) : undefined,
      forUpdateTs: maxTimestamp(forUpdateTs, lockedWithConflictTs),
    }));
  }

  #forget(locked: readonly Uint8Array[]): void {
    const obstacle = this.#obstacle;
    const isGone = obstacle && locked.some((key) => equalBytes(key, obstacle.key));
    if (isGone) this.#obstacle = undefined;
  }

  #failure(error: kvrpcpb.KeyError): Error {
    return keyErrorToThrow(keyErrorFromWire(error), this.#txn.startTs);
  }

  #now(): number {
    return this.#context.env.clock.mono();
  }
}

function timeout({ key, startTs }: Obstacle, cause?: unknown): LockWaitTimeoutError {
  return new LockWaitTimeoutError(key, startTs, { cause });
}
