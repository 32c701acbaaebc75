import {
  type Env,
  err,
  type Histogram,
  keyString,
  limits,
  ok,
  type Result,
  type Timestamp,
} from '@tinykv/base';
import type { KeyError, RegionAccess, RegionError, RegionView } from '@tinykv/model';
import { Latches } from './latches.js';
import type { Decision } from './mvcc/decision.js';
import { findOwnCommits, NO_COMMITS, readTxnKeys, type TxnKeyFacts } from './mvcc/key-view.js';
import { keyTooLongMessage, proposeModifies, readConfirmed } from './region-read.js';
import type { TxnContext } from './requests.js';

/** What a command answers when the store serves it, or why the store does not. */
export type Answer<A> = Promise<Result<A, RegionError>>;

/**
 * The way of every writing command: latch the keys, read the facts, decide, propose, answer.
 *
 * Facts stay true from their reading to the apply of what was decided from them, because every writer of
 * the same keys takes the same latches, and because a proposal is refused once the term or the Region's
 * range has changed. A latch is held until the outcome of the proposal is known or its term is over,
 * however long that takes and whether or not anyone still waits for the answer.
 */
export class LatchedCommands {
  readonly access: RegionAccess;
  readonly #env: Env;
  readonly #latches = new Latches(limits.latchCommandsMax);
  readonly #latchWait: Histogram;

  constructor(env: Env, access: RegionAccess) {
    this.#env = env;
    this.access = access;
    this.#latchWait = env.metrics.histogram(
      'tinykv_txn_latch_wait_seconds',
      'Time that commands waited for the latches of their keys',
    );
  }

  /** Decides, in one turn, from what the transaction `startTs` has left on each of the distinct keys. */
  onTxnKeys<A>(
    context: TxnContext,
    keys: readonly Uint8Array[],
    startTs: Timestamp,
    decide: (facts: readonly TxnKeyFacts[], view: RegionView) => Decision<A>,
  ): Answer<A> {
    return this.latched(context, keys, (view) =>
      this.withFacts(view, keys, startTs, (facts) =>
        this.settle(context, view, keys, decide(facts, view)),
      ),
    );
  }

  /** Gives what the transaction has left on each of the latched keys to `use`, in the turn in which it was read. */
  async withFacts<A>(
    view: RegionView,
    keys: readonly Uint8Array[],
    startTs: Timestamp,
    use: (facts: readonly TxnKeyFacts[]) => Answer<A>,
  ): Answer<A> {
    let read = readConfirmed(view, (reader) => readTxnKeys(reader, keys, startTs, NO_COMMITS));
    if (read.ok && read.value.inHistory.length > 0) {
      const known = await findOwnCommits(view.reader, read.value.inHistory, startTs);
      read = readConfirmed(view, (reader) => readTxnKeys(reader, keys, startTs, known));
    }
    if (!read.ok) return read;
    // Latches exclude writers of this term; a change means the term ended.
    if (read.value.inHistory.length > 0) return err({ type: 'stale-command' });
    return use(read.value.facts);
  }

  /** Holds the latches of the keys while `run` reads, decides and proposes. */
  async latched<A>(
    context: TxnContext,
    keys: readonly Uint8Array[],
    run: (view: RegionView) => Answer<A>,
  ): Answer<A> {
    const latch = this.#latches.acquire(keys.map(keyString));
    if (latch === undefined) return err({ type: 'server-is-busy', reason: 'too many commands' });
    if (latch.held !== undefined) {
      const since = this.#env.clock.mono();
      await latch.held;
      this.#latchWait.observe((this.#env.clock.mono() - since) / 1000);
    }
    try {
      const view = await this.access.acquireWrite(context, keys);
      return view.ok ? await run(view.value) : view;
    } finally {
      latch.release();
    }
  }

  /** Called in the turn in which the facts were read, so that nothing comes between them and the proposal. */
  async settle<A>(
    context: TxnContext,
    view: RegionView,
    keys: readonly Uint8Array[],
    decision: Decision<A>,
  ): Answer<A> {
    if (decision.modifies.length > 0) {
      const proposed = await proposeModifies(this.access, view, decision.modifies);
      return proposed.ok ? ok(decision.answer) : proposed;
    }
    // Nothing goes through the log that would prove the leadership: the answer is a read, and a read of a
    // deposed leader could miss a commit. Leading the same term later proves it for the facts as well.
    const later = await this.access.acquireRead(context, keys);
    if (!later.ok) return later;
    return later.value.term === view.term ? ok(decision.answer) : err({ type: 'stale-command' });
  }
}

export function keyTooLong(key: Uint8Array): KeyError {
  return { type: 'abort', message: keyTooLongMessage(key) };
}
