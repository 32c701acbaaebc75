import { assert, type Term, type Timer, type Timestamp } from '@tinykv/base';
import type { RegionError, WaitForEdge } from '@tinykv/model';
import type { TxnContext } from './requests.js';

/** A request that waits for the lock of a key. */
export interface LockWait {
  readonly context: TxnContext;
  /** Of the leader that has found the key locked. */
  readonly term: Term;
  readonly key: Uint8Array;
  readonly startTs: Timestamp;
  /** The transaction that holds the lock, or has the turn to take it. */
  readonly holderTs: Timestamp;
  readonly mostMs: number;
  /** It takes the lock when it has its turn, whatever was committed. */
  readonly forceLock: boolean;
  /** After the time-out its client comes back for more. */
  readonly comesBack: boolean;
}

/** Why a wait is over. After `released` and `timeout` the key is looked at again. */
export type WaitEnd =
  | { readonly type: 'released' | 'timeout' | 'cancelled' }
  | { readonly type: 'deadlock'; readonly cycle: readonly WaitForEdge[] }
  | { readonly type: 'refused'; readonly error: RegionError };

/** A transaction in the queue of a key. */
export class Waiter {
  readonly wait: LockWait;
  readonly ended: Promise<WaitEnd>;
  /** The transaction that it waits for. */
  holderTs: Timestamp;
  /** Set: no request of it waits here for now, but one is about to come back for the place. */
  away: Timer | undefined;
  unwatch: () => void = () => undefined;
  end: (end: WaitEnd) => void = () => undefined;

  constructor(wait: LockWait) {
    this.wait = wait;
    this.holderTs = wait.holderTs;
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
  }

  get startTs(): Timestamp {
    return this.wait.startTs;
  }
}

/**
 * Who wants the lock of one key, by age. When the lock goes the oldest has its turn: until it has tried, nobody else
 * gets the lock, whoever comes meanwhile.
 *
 * Invariant: while somebody waits, the key is locked, or somebody has the turn, or the next turn is due.
 */
export class LockQueue {
  readonly key: Uint8Array;
  /** The next turn is given in a moment: who had the last one may come back first. */
  isDue = false;
  /** By start. */
  readonly #waiters: Waiter[] = [];
  #turn: Timestamp | undefined;

  constructor(key: Uint8Array) {
    this.key = key;
  }

  /** The transaction that has the turn. */
  get turn(): Timestamp | undefined {
    return this.#turn;
  }

  get first(): Waiter | undefined {
    return this.#waiters[0];
  }

  get isEmpty(): boolean {
    return this.#waiters.length === 0 && this.#turn === undefined;
  }

  /** Those whose requests wait here now. */
  waiting(): Waiter[] {
    return this.#waiters.filter(({ away }) => away === undefined);
  }

  /** All places of a transaction. */
  of(startTs: Timestamp): Waiter[] {
    return this.#waiters.filter((waiter) => waiter.startTs === startTs);
  }

  /** Behind those that are as old. */
  add(waiter: Waiter): void {
    const at = this.#waiters.findLastIndex(({ startTs }) => startTs <= waiter.startTs);
    this.#waiters.splice(at + 1, 0, waiter);
  }

  /** False: it has left before. */
  remove(waiter: Waiter): boolean {
    const at = this.#waiters.indexOf(waiter);
    if (at < 0) return false;
    this.#waiters.splice(at, 1);
    return true;
  }

  giveTurn(startTs: Timestamp): void {
    assert(this.#turn === undefined, () => `a turn for ${startTs} before ${this.#turn} has tried`);
    this.#turn = startTs;
  }

  /** False: another has the turn, or nobody. */
  endTurn(startTs: Timestamp): boolean {
    if (this.#turn !== startTs) return false;
    this.#turn = undefined;
    return true;
  }
}
