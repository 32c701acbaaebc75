import {
  assert,
  equalBytes,
  KvError,
  keyString,
  maxTimestamp,
  type Timestamp,
  TS_ZERO,
} from '@tinykv/base';
import {
  type KeyError,
  type Modify,
  shortValueBytesMax,
  type WriteCondition,
  type WriteRecord,
} from '@tinykv/model';
import { placeWrite } from './commit.js';
import { abortError, lockedError } from './decision.js';
import { type KeyFacts, newestTs, type TxnKeyFacts } from './key-view.js';

/** The new state of a key. */
export type Change =
  | { readonly kind: 'put'; readonly value: Uint8Array }
  | { readonly kind: 'delete' };

/** A blind write of another key of the same Region, which happens with the write that it belongs to, or not at all. */
export interface Companion {
  readonly key: Uint8Array;
  readonly change: Change;
}

/** A transaction of one key that the store decides. Its identity is (key, ts): there is at most one for each. */
export interface OneKeyWrite {
  readonly key: Uint8Array;
  /** Fetched after the write was asked for: it lies above all that was acknowledged before. */
  readonly ts: Timestamp;
  readonly condition: WriteCondition;
  readonly change: Change;
  readonly companions: readonly Companion[];
}

export type OneKeyOutcome =
  /** `commitTs` undefined: there is no version of it, since a later write of the request replaced it or it had nothing to delete. */
  | { readonly type: 'written'; readonly commitTs: Timestamp | undefined }
  /** The condition does not hold: what is there instead. */
  | {
      readonly type: 'refused';
      /** Undefined: nothing. */
      readonly value: Uint8Array | undefined;
      readonly version: Timestamp;
    }
  /** Another command has the latches of its keys; nothing was looked at. */
  | { readonly type: 'latched' }
  /** The store may not choose a timestamp at present: the write takes the way of a transaction. */
  | { readonly type: 'unready' }
  | { readonly type: 'error'; readonly error: KeyError };

/** How the plan learns what the newest version holds. Both throw AnswerTooLargeError when it is too much for one answer. */
export interface ValueReader {
  /** The same bytes again for a key that was read before. Throws DATA_LOSS. */
  read(key: Uint8Array, write: WriteRecord): Uint8Array;
}

/** A write with what is stored about its keys, all of them latched. */
export interface OneKeyFacts {
  readonly write: OneKeyWrite;
  readonly main: TxnKeyFacts;
  /** One for each companion. */
  readonly companions: readonly KeyFacts[];
}

const LATCHED: OneKeyOutcome = { type: 'latched' };

/** A version to be made. */
interface Pending {
  readonly facts: KeyFacts;
  readonly startTs: Timestamp;
  readonly change: Change;
  /** The place of the write whose own key it is; undefined for a companion. */
  readonly owner: number | undefined;
}

/** The decisions that are made before a commit timestamp is chosen: none of them depends on it. */
export class OneKeyPlan {
  readonly #pending = new Map<string, Pending>();
  readonly #outcomes: ((commitTs: Timestamp) => OneKeyOutcome)[] = [];
  /** Writes whose outcome rests on what the plan writes, themselves or others. */
  readonly #writers = new Set<number>();
  #lowest: Timestamp = TS_ZERO;
  #highestTs: Timestamp = TS_ZERO;

  /** The writes are decided in their order. */
  constructor(all: readonly OneKeyFacts[], values: ValueReader) {
    for (const [i, one] of all.entries()) this.#outcomes.push(this.#decide(i, one, values));
  }

  get isEmpty(): boolean {
    return this.#pending.size === 0;
  }

  /** Keys that get a version. */
  get keys(): readonly Uint8Array[] {
    return [...this.#pending.values()].map(({ facts }) => facts.key);
  }

  /** The commit timestamp lies at or above it: above every version of the keys, and above each `ts`. */
  get lowest(): Timestamp {
    return this.#lowest;
  }

  /** The highest `ts` of what is written. */
  get highestTs(): Timestamp {
    return this.#highestTs;
  }

  /** One version for each key. */
  modifies(commitTs: Timestamp): Modify[] {
    return [...this.#pending.values()].map(({ facts, startTs, change }) => {
      assert(commitTs > startTs, () => `commit_ts ${commitTs} is not after start_ts ${startTs}`);
      const value = change.kind === 'put' ? change.value : undefined;
      const isLong = value !== undefined && value.length > shortValueBytesMax;
      const shortValue = isLong ? undefined : value;
      const write: WriteRecord = { kind: change.kind, startTs, commitTs, shortValue };
      const longValue = isLong ? value : undefined;
      return {
        ...placeWrite(facts.key, write, facts.newest),
        longValue,
        addsValue: value !== undefined,
      };
    });
  }

  /** The outcomes when nothing is written: what would have been has the given one. */
  without(instead: OneKeyOutcome): readonly OneKeyOutcome[] {
    return this.#outcomes.map((outcome, i) => (this.#writers.has(i) ? instead : outcome(TS_ZERO)));
  }

  outcomes(commitTs: Timestamp): readonly OneKeyOutcome[] {
    return this.#outcomes.map((outcome) => outcome(commitTs));
  }

  #decide(
    at: number,
    { write, main, companions }: OneKeyFacts,
    values: ValueReader,
  ): (commitTs: Timestamp) => OneKeyOutcome {
    const { key, ts } = write;
    const { outcome } = main;
    if (outcome.type === 'commit') {
      const { commitTs } = outcome.write;
      return () => ({ type: 'written', commitTs });
    }
    // Its client, or a reader, was told that it never happened.
    if (outcome.type === 'rollback') return failed(abortError(`write ${ts} is rolled back`, key));
    for (const facts of [main, ...companions]) {
      if (facts.lock !== undefined) return failed(lockedError(facts.key, facts.lock));
    }
    const isPending = this.#pending.has(keyString(key));
    // The value that a write of the same request makes has no version yet, and a retry could not be decided on it again.
    if (isPending && write.condition.type !== 'always') return () => LATCHED;
    const refusal = isPending ? undefined : this.#refusal(write, main, values);
    if (refusal !== undefined) return () => refusal;
    this.#writers.add(at);
    const isAbsent = main.newest?.write?.kind !== 'put';
    // A record of a write with companions tells a repeated request that they are written.
    const leavesNothing = isAbsent && write.companions.length === 0;
    this.#add({ facts: main, startTs: ts, change: write.change, owner: at }, leavesNothing);
    for (const [i, { change }] of write.companions.entries()) {
      const facts = companions[i]!;
      this.#add(
        { facts, startTs: ts, change, owner: undefined },
        facts.newest?.write?.kind !== 'put',
      );
    }
    return (commitTs) => {
      const last = this.#pending.get(keyString(key));
      return { type: 'written', commitTs: last?.owner === at ? commitTs : undefined };
    };
  }

  /** Why the write does not happen; undefined: it does. */
  #refusal(
    { condition, key }: OneKeyWrite,
    { newest }: KeyFacts,
    values: ValueReader,
  ): OneKeyOutcome | undefined {
    const present = newest?.write?.kind === 'put' ? newest.write : undefined;
    const version = newest?.write?.commitTs ?? TS_ZERO;
    try {
      if (holds(condition, version, present && (() => values.read(key, present)))) return undefined;
      const value = present && values.read(key, present);
      return { type: 'refused', value, version };
    } catch (error) {
      if (!(error instanceof KvError) || error.code !== 'DATA_LOSS') throw error;
      return { type: 'error', error: { type: 'abort', message: error.message } };
    }
  }

  #add(pending: Pending, isAbsent: boolean): void {
    const { facts, startTs, change } = pending;
    const name = keyString(facts.key);
    // A version that says that there is nothing, where nothing was, is seen by nobody.
    if (change.kind === 'delete' && isAbsent && !this.#pending.has(name)) return;
    this.#pending.set(name, pending);
    this.#lowest = maxTimestamp(this.#lowest, newestTs(facts.newest) + 1n);
    this.#lowest = maxTimestamp(this.#lowest, startTs + 1n);
    this.#highestTs = maxTimestamp(this.#highestTs, startTs);
  }
}

function failed(error: KeyError): () => OneKeyOutcome {
  return () => ({ type: 'error', error });
}

/** `value` is undefined when there is none; it is read only where the condition asks for it. */
function holds(
  condition: WriteCondition,
  version: Timestamp,
  value: (() => Uint8Array) | undefined,
): boolean {
  switch (condition.type) {
    case 'always':
      return true;
    case 'absent':
      return value === undefined;
    case 'version':
      return version === condition.version;
    case 'head': {
      if (value === undefined) return condition.orAbsent;
      const bytes = value();
      return condition.heads.some((head) => equalBytes(bytes.subarray(0, head.length), head));
    }
  }
}
