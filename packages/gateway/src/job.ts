import type { Bounded } from './command-deadlines.js';
import type { QueueJob } from './key-queue.js';
import type { Waiter } from './model/pace.js';
import type { RedisTxn, TouchedKey } from './model/redis-txn.js';
import type { Reply } from './resp/types.js';

/**
 * The need that a command which changes one key has of it. `overwrites`: nothing, as long as it is a plain inline value or not there.
 * `changes`: what it is, inline.
 */
export type OneKeyUse = 'overwrites' | 'changes';

/** What runs in a transaction of its own, perhaps with others of the same key. */
export interface Work {
  readonly client: Waiter;
  /** Keys that it changes, by database; the queue takes them in turn. Empty for a plain read. */
  readonly writes: readonly TouchedKey[];
  /** Takes part in a transaction with others of its key. */
  readonly batchable: boolean;
  /** It changes the one key of `writes` and needs no other; undefined: perhaps not. */
  readonly oneKey?: OneKeyUse | undefined;
  /** Databases that it empties. */
  readonly flushes: readonly number[];
  /** Computes the answer; called again from the start when the transaction conflicts. */
  run(txn: RedisTxn): Promise<Reply>;
}

/** What a job answers when its time is over. */
export interface LateReplies {
  readonly notApplied: () => Reply;
  readonly unknown: () => Reply;
}

/** Work on its way to its one reply. */
export class Job implements QueueJob, Bounded, Waiter {
  readonly keys: readonly string[];
  readonly work: Work;
  readonly #late: LateReplies;
  #resolve: ((reply: Reply) => void) | undefined;
  #isDeciding = false;

  constructor(
    work: Work,
    keys: readonly string[],
    late: LateReplies,
    resolve: (reply: Reply) => void,
  ) {
    this.work = work;
    this.keys = keys;
    this.#late = late;
    this.#resolve = resolve;
  }

  get batchable(): boolean {
    return this.work.batchable && this.work.flushes.length === 0;
  }

  /** Answered. Invariant: nothing of it is committed that was not being committed then. */
  get isOver(): boolean {
    return this.#resolve === undefined;
  }

  /** Nobody waits for its answer. */
  get isGone(): boolean {
    return this.isOver || this.work.client.isGone;
  }

  /** The next call to the store may commit it. */
  decide(): void {
    this.#isDeciding = true;
  }

  /** The commit has certainly not happened. */
  undecide(): void {
    this.#isDeciding = false;
  }

  /** The first reply counts. */
  settle(reply: Reply): void {
    const resolve = this.#resolve;
    this.#resolve = undefined;
    resolve?.(reply);
  }

  expire(): void {
    this.settle(this.#isDeciding ? this.#late.unknown() : this.#late.notApplied());
  }
}
