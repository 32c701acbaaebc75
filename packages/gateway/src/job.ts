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

/** A command that touches one key and nothing else, as a rule: it needs no transaction. */
export interface OneKeyStep {
  readonly touched: TouchedKey;
  readonly use: OneKeyUse | 'reads';
  /** Computes the answer from what is loaded. */
  apply(txn: RedisTxn): Reply;
}

/** A command that only reads, and several keys as a rule: a snapshot of them is all it needs. */
export interface SnapshotStep {
  readonly keys: readonly TouchedKey[];
  readonly step: Pick<OneKeyStep, 'apply'>;
}

/** Hears what a job answers. */
export interface ReplyTaker {
  take(reply: Reply): void;
}

/** What runs in a transaction of its own, perhaps with others of the same key. */
export interface Work {
  readonly client: Waiter;
  /** Keys that it changes, by database; the queue takes them in turn. Empty for a plain read. */
  readonly writes: readonly TouchedKey[];
  /** Takes part in a transaction with others of its key. */
  readonly batchable: boolean;
  /** Undefined: it takes a transaction. */
  readonly step?: OneKeyStep | undefined;
  /** Undefined: it writes, or reads something else. */
  readonly snapshot?: SnapshotStep | undefined;
  /** Databases that it empties. */
  readonly flushes: readonly number[];
  /** Computes the answer; called again from the start when the transaction conflicts. */
  run(txn: RedisTxn): Reply | Promise<Reply>;
  /** The answer is an error, which may come before `run` ends: it leaves nothing changed beside the database. */
  abandon?(): void;
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
  blockers = 0;
  /** Its answer, once what it wrote is durable. */
  pending: Reply | undefined;
  readonly #late: LateReplies;
  #taker: ReplyTaker | undefined;
  #isDeciding = false;

  constructor(work: Work, keys: readonly string[], late: LateReplies, taker: ReplyTaker) {
    this.work = work;
    this.keys = keys;
    this.#late = late;
    this.#taker = taker;
  }

  get batchable(): boolean {
    return this.work.batchable && this.work.flushes.length === 0;
  }

  /** Answered. Invariant: nothing of it is committed that was not being committed then. */
  get isOver(): boolean {
    return this.#taker === undefined;
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
    const taker = this.#taker;
    this.#taker = undefined;
    taker?.take(reply);
  }

  expire(): void {
    this.settle(this.#isDeciding ? this.#late.unknown() : this.#late.notApplied());
  }
}
