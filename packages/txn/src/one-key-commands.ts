import {
  KvError,
  type KvReader,
  keyString,
  limits,
  maxTimestamp,
  minTimestamp,
  ok,
  type Timestamp,
  TS_ZERO,
} from '@tinykv/base';
import {
  type KeyError,
  type Modify,
  modifiesBytes,
  type RegionAccess,
  type RegionView,
} from '@tinykv/model';
import type { ConcurrencyManager } from './concurrency.js';
import {
  type Answer,
  checkKeyCount,
  keyTooLong,
  type LatchedCommands,
} from './latched-commands.js';
import { AnswerBudget } from './mvcc/answer-budget.js';
import { distinctKeys } from './mvcc/decision.js';
import { type KeyFacts, readValue, type TxnKeyFacts } from './mvcc/key-view.js';
import {
  type OneKeyFacts,
  type OneKeyOutcome,
  OneKeyPlan,
  type OneKeyWrite,
  type ValueReader,
} from './mvcc/one-key.js';
import type { OnePhaseGate } from './one-phase-gate.js';
import type { WriteParts } from './prewrite-commands.js';
import { belowSafePoint, isKeyTooLong, proposeModifies, readConfirmed } from './region-read.js';
import type { TxnContext } from './requests.js';
import { WriteAdmission } from './write-admission.js';

export interface OneKeyRequest {
  readonly writes: readonly OneKeyWrite[];
  /** Wait for the latches of other commands; else the writes that would have to are told so, and hold up nobody. */
  readonly waitForLatches: boolean;
}

const LATCHED: OneKeyOutcome = { type: 'latched' };
const UNREADY: OneKeyOutcome = { type: 'unready' };

/**
 * Writes of one key each that the store decides on what is there: many of a Region in one pass under their latches, in
 * one log entry. Each has its own outcome.
 */
export class OneKeyCommands {
  readonly #access: RegionAccess;
  readonly #commands: LatchedCommands;
  readonly #concurrency: ConcurrencyManager;
  readonly #gate: OnePhaseGate | undefined;
  readonly #admission: WriteAdmission;

  constructor({ commands, concurrency, gate }: WriteParts) {
    this.#access = commands.access;
    this.#commands = commands;
    this.#concurrency = concurrency;
    this.#gate = gate;
    this.#admission = new WriteAdmission(gate);
  }

  /**
   * One outcome for each write, in their order. Throws INVALID_ARGUMENT when two writes have one identity; rejects with
   * UNKNOWN when nobody knows what was written: what is asked again with the same timestamp is written once.
   */
  write(
    context: TxnContext,
    { writes, waitForLatches }: OneKeyRequest,
  ): Answer<readonly OneKeyOutcome[]> {
    checkKeyCount(writes.reduce((sum, { companions }) => sum + 1 + companions.length, 0));
    checkWriteCount(writes.length);
    checkIdentities(writes);
    const outcomes = writes.map(refusalOf);
    const open = writes.map((_, i) => i).filter((i) => outcomes[i] === undefined);
    if (open.length === 0) return Promise.resolve(ok(outcomes as OneKeyOutcome[]));
    const stamps = open.map((i) => writes[i]!.ts);
    const lowestTs = stamps.reduce(minTimestamp);
    const highestTs = stamps.reduce(maxTimestamp);
    const refuse = (error: KeyError) =>
      ok(writes.map((): OneKeyOutcome => ({ type: 'error', error })));
    return this.#admission.admit(lowestTs, highestTs, refuse, async () => {
      const free: number[] = [];
      for (const i of open) {
        if (waitForLatches || this.#commands.areFree(keysOf(writes[i]!))) free.push(i);
        else outcomes[i] = LATCHED;
      }
      if (free.length === 0) return ok(outcomes as OneKeyOutcome[]);
      const settled = await this.#writeLatched(
        context,
        free.map((i) => writes[i]!),
      );
      if (!settled.ok) return settled;
      for (const [at, i] of free.entries()) outcomes[i] = settled.value[at]!;
      return ok(outcomes as OneKeyOutcome[]);
    });
  }

  #writeLatched(
    context: TxnContext,
    writes: readonly OneKeyWrite[],
  ): Answer<readonly OneKeyOutcome[]> {
    const keys = distinctKeys(writes.flatMap(keysOf));
    return this.#commands.latched(
      context,
      keys,
      async (view) => {
        const facts = await this.#readFacts(context, view, writes);
        return facts.ok ? this.#decide(context, view, keys, facts.value) : facts;
      },
      valueBytes(writes),
    );
  }

  /** The traces that each write has left on its key, and the records of its companions. */
  async #readFacts(
    context: TxnContext,
    view: RegionView,
    writes: readonly OneKeyWrite[],
  ): Answer<readonly OneKeyFacts[]> {
    const mains = new Map<OneKeyWrite, TxnKeyFacts>();
    for (const [ts, some] of byTimestamp(writes)) {
      const keys = some.map(({ key }) => key);
      const read = await this.#commands.withFacts(context, view, keys, ts, async (facts) =>
        ok(facts),
      );
      if (!read.ok) return read;
      for (const [i, write] of some.entries()) mains.set(write, read.value[i]!);
    }
    const others = distinctKeys(
      writes.flatMap(({ companions }) => companions.map(({ key }) => key)),
    );
    const read = await this.#commands.readCurrent(context, view, others);
    if (!read.ok) return read;
    const known = new Map<string, KeyFacts>();
    for (const facts of read.value) known.set(keyString(facts.key), facts);
    return ok(
      writes.map((write) => ({
        write,
        main: mains.get(write)!,
        companions: write.companions.map(({ key }) => known.get(keyString(key))!),
      })),
    );
  }

  async #decide(
    context: TxnContext,
    view: RegionView,
    keys: readonly Uint8Array[],
    all: readonly OneKeyFacts[],
  ): Answer<readonly OneKeyOutcome[]> {
    // The records of such an old write may have been collected, even its rollback.
    const tooOld = all.map(({ write }) => belowSafePoint(view, write.ts));
    const young = all.filter((_, i) => tooOld[i] === undefined);
    const planned = readConfirmed(view, (reader) => new OneKeyPlan(young, valuesOf(reader)));
    if (!planned.ok) return planned;
    const settled = await this.#commit(context, view, keys, planned.value);
    if (!settled.ok) return settled;
    let at = 0;
    return ok(
      tooOld.map(
        (error): OneKeyOutcome =>
          error === undefined ? settled.value[at++]! : { type: 'error', error },
      ),
    );
  }

  async #commit(
    context: TxnContext,
    view: RegionView,
    keys: readonly Uint8Array[],
    plan: OneKeyPlan,
  ): Answer<readonly OneKeyOutcome[]> {
    if (plan.isEmpty) {
      const answer = plan.outcomes(TS_ZERO);
      return this.#commands.settle(context, view, keys, { modifies: [], answer });
    }
    const gate = this.#gate?.isOpen(view) ? this.#gate : undefined;
    if (gate === undefined) return this.#unready(context, view, keys, plan);
    const locks = this.#concurrency.lockKeys(plan.keys, plan.lowest);
    try {
      const modifies = (await gate.choose(locks, plan.highestTs))
        ? plan.modifies(locks.commitTs)
        : undefined;
      if (modifies === undefined || isTooLarge(modifies)) {
        return await this.#unready(context, view, keys, plan);
      }
      const proposed = await proposeModifies(this.#access, view, modifies);
      return proposed.ok ? ok(plan.outcomes(locks.commitTs)) : proposed;
    } finally {
      locks.release();
    }
  }

  /** Nothing is written: those that would have been are told so, and the others are answered. */
  #unready(
    context: TxnContext,
    view: RegionView,
    keys: readonly Uint8Array[],
    plan: OneKeyPlan,
  ): Answer<readonly OneKeyOutcome[]> {
    return this.#commands.settle(context, view, keys, {
      modifies: [],
      answer: plan.without(UNREADY),
    });
  }
}

/** Why a write is not even looked at. */
function refusalOf(write: OneKeyWrite): OneKeyOutcome | undefined {
  const tooLong = keysOf(write).find(isKeyTooLong);
  return tooLong === undefined ? undefined : { type: 'error', error: keyTooLong(tooLong) };
}

function checkIdentities(writes: readonly OneKeyWrite[]): void {
  if (writes.length === 1 && writes[0]!.companions.length === 0) return;
  const seen = new Set<string>();
  for (const { key, ts, companions } of writes) {
    for (const each of [key, ...companions.map((companion) => companion.key)]) {
      const name = `${ts}/${keyString(each)}`;
      if (seen.has(name)) {
        throw new KvError('INVALID_ARGUMENT', 'two writes of one key at one timestamp');
      }
      seen.add(name);
    }
  }
}

function keysOf({ key, companions }: OneKeyWrite): readonly Uint8Array[] {
  if (companions.length === 0) return [key];
  return distinctKeys([key, ...companions.map((companion) => companion.key)]);
}

/** Nearly always one: a gateway fetches a timestamp for all that it asks in a turn. */
function byTimestamp(writes: readonly OneKeyWrite[]): Map<Timestamp, OneKeyWrite[]> {
  const out = new Map<Timestamp, OneKeyWrite[]>();
  for (const write of writes) {
    const some = out.get(write.ts);
    if (some === undefined) out.set(write.ts, [write]);
    else some.push(write);
  }
  return out;
}

function valueBytes(writes: readonly OneKeyWrite[]): number {
  let bytes = 0;
  for (const { change, companions } of writes) {
    if (change.kind === 'put') bytes += change.value.length;
    for (const { change: other } of companions)
      if (other.kind === 'put') bytes += other.value.length;
  }
  return bytes;
}

function isTooLarge(modifies: readonly Modify[]): boolean {
  return modifiesBytes(modifies) > limits.raftEntryBytesMax;
}

/** Reads each value once. What is read is bounded as an answer is, since all of it may be one. */
function valuesOf(reader: KvReader): ValueReader {
  const known = new Map<string, Uint8Array>();
  const budget = new AnswerBudget();
  return {
    read: (key, write) => {
      const name = keyString(key);
      const found = known.get(name);
      if (found !== undefined) return found;
      const value = readValue(reader, key, write);
      budget.spend(key.length, value.length);
      known.set(name, value);
      return value;
    },
  };
}

function checkWriteCount(count: number): void {
  if (count <= limits.oneKeyWritesMax) return;
  const text = `${count} writes in one request: the most is ${limits.oneKeyWritesMax}`;
  throw new KvError('INVALID_ARGUMENT', text);
}
