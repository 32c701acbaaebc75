import {
  type Awaitable,
  type Env,
  err,
  type Histogram,
  KvError,
  keyString,
  limits,
  ok,
  type Result,
  type Timestamp,
} from '@tinykv/base';
import type { KeyError, Modify, RegionAccess, RegionError, RegionView } from '@tinykv/model';
import { Latches } from './latches.js';
import { type Decision, distinctKeys } from './mvcc/decision.js';
import {
  findOwnCommits,
  type KeyFacts,
  NO_COMMITS,
  readKey,
  readTxnKeys,
  type TxnKeyFacts,
} from './mvcc/key-view.js';
import { keyTooLongMessage, proposeModifies, readConfirmed, stopIfGone } from './region-read.js';
import type { TxnContext } from './requests.js';

const KEY_OVERHEAD_BYTES = 128;

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
  readonly #latches = new Latches(limits.latchCommandsMax, limits.latchWaitingBytesMax);
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
      this.withFacts(context, view, keys, startTs, (facts) =>
        this.settle(context, view, keys, decide(facts, view)),
      ),
    );
  }

  /** As {@link onTxnKeys}, for a decision that is made key by key: all or nothing, the first error decides. */
  onEachTxnKey(
    context: TxnContext,
    keys: readonly Uint8Array[],
    startTs: Timestamp,
    decide: (facts: readonly TxnKeyFacts[]) => Decision<KeyError | undefined>,
  ): Answer<KeyError | undefined> {
    return this.latched(context, keys, (view) =>
      this.withFacts(context, view, keys, startTs, async (facts) =>
        this.settle(context, view, keys, await this.#decideInParts(context, facts, decide)),
      ),
    );
  }

  /** Gives what the transaction has left on each of the latched keys to `use`, in the turn of the last read. */
  async withFacts<A>(
    context: TxnContext,
    view: RegionView,
    keys: readonly Uint8Array[],
    startTs: Timestamp,
    use: (facts: readonly TxnKeyFacts[]) => Answer<A>,
  ): Answer<A> {
    const facts = await this.readInParts(context, keys, (part) =>
      readTxnFacts(view, part, startTs),
    );
    return facts.ok ? use(facts.value) : facts;
  }

  /**
   * Reads facts about latched keys, so many in a turn. They are as good as if they were read at once: nobody else
   * writes the keys meanwhile, and a view that is confirmed after the last read has stood since the first.
   */
  async readInParts<T>(
    context: TxnContext,
    keys: readonly Uint8Array[],
    read: (part: readonly Uint8Array[]) => Awaitable<Result<readonly T[], RegionError>>,
  ): Answer<readonly T[]> {
    if (keys.length <= limits.commandPartKeys) return read(keys);
    const all: T[] = [];
    for (let from = 0; from < keys.length; from += limits.commandPartKeys) {
      if (from > 0) await this.turn(context);
      const facts = await read(keys.slice(from, from + limits.commandPartKeys));
      if (!facts.ok) return facts;
      all.push(...facts.value);
    }
    return ok(all);
  }

  /** Lets others have their turn, with the latches held. Throws CANCELLED if nobody waits for the answer after it. */
  async turn(context: TxnContext): Promise<void> {
    await new Promise<void>((resolve) => this.#env.clock.defer(resolve));
    stopIfGone(context);
  }

  async #decideInParts(
    context: TxnContext,
    facts: readonly TxnKeyFacts[],
    decide: (facts: readonly TxnKeyFacts[]) => Decision<KeyError | undefined>,
  ): Promise<Decision<KeyError | undefined>> {
    if (facts.length <= limits.commandPartKeys) return decide(facts);
    const modifies: Modify[] = [];
    for (let from = 0; from < facts.length; from += limits.commandPartKeys) {
      if (from > 0) await this.turn(context);
      const part = decide(facts.slice(from, from + limits.commandPartKeys));
      if (part.answer !== undefined) return part;
      modifies.push(...part.modifies);
    }
    return { modifies, answer: undefined };
  }

  /** Whether a command on these keys would have their latches at once. */
  areFree(keys: readonly Uint8Array[]): boolean {
    return keys.every((key) => this.#latches.isFree(keyString(key)));
  }

  /** The records of each of the latched keys. */
  readCurrent(
    context: TxnContext,
    view: RegionView,
    keys: readonly Uint8Array[],
  ): Answer<readonly KeyFacts[]> {
    return this.readInParts(context, keys, (part) =>
      readConfirmed(view, (reader) => part.map((key) => readKey(reader, key))),
    );
  }

  /** Holds the latches of the keys while `run` reads, decides and proposes. `valueBytes`: what it keeps beside the keys. */
  async latched<A>(
    context: TxnContext,
    keys: readonly Uint8Array[],
    run: (view: RegionView) => Answer<A>,
    valueBytes = 0,
  ): Answer<A> {
    const latch = this.#latches.acquire(keys.map(keyString), commandBytes(keys) + valueBytes);
    if (latch === undefined) return err({ type: 'server-is-busy', reason: 'too many commands' });
    if (latch.held !== undefined) {
      const since = this.#env.clock.mono();
      await latch.held;
      this.#latchWait.observe((this.#env.clock.mono() - since) / 1000);
    }
    try {
      if (latch.held !== undefined) stopIfGone(context);
      const view = await this.access.acquireWrite(context, keys);
      return view.ok ? await run(view.value) : view;
    } finally {
      latch.release();
    }
  }

  /** Proposes what was decided from the facts, or proves that they are current. The latches are held. */
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

/** In memory: a key, its name, and its place in a queue. */
function commandBytes(keys: readonly Uint8Array[]): number {
  return keys.reduce((sum, key) => sum + 2 * key.length, keys.length * KEY_OVERHEAD_BYTES);
}

async function readTxnFacts(
  view: RegionView,
  keys: readonly Uint8Array[],
  startTs: Timestamp,
): Answer<readonly TxnKeyFacts[]> {
  let read = readConfirmed(view, (reader) => readTxnKeys(reader, keys, startTs, NO_COMMITS));
  if (read.ok && read.value.inHistory.length > 0) {
    const known = await findOwnCommits(view.reader, read.value.inHistory, startTs);
    read = readConfirmed(view, (reader) => readTxnKeys(reader, keys, startTs, known));
  }
  if (!read.ok) return read;
  // Latches exclude writers of this term; a change means the term ended.
  if (read.value.inHistory.length > 0) return err({ type: 'stale-command' });
  return ok(read.value.facts);
}

/** Each key of a request once. Throws INVALID_ARGUMENT when there are more than one command has. */
export function keysOfCommand(keys: readonly Uint8Array[]): readonly Uint8Array[] {
  checkKeyCount(keys.length);
  return distinctKeys(keys);
}

export function checkKeyCount(count: number): void {
  if (count <= limits.commandKeysMax) return;
  const text = `${count} keys in one request: the most is ${limits.commandKeysMax}`;
  throw new KvError('INVALID_ARGUMENT', text);
}

export function keyTooLong(key: Uint8Array): KeyError {
  return { type: 'abort', message: keyTooLongMessage(key) };
}
