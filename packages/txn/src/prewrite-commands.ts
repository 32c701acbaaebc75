import { limits, maxTimestamp, ok, type Timestamp, TS_ZERO } from '@tinykv/base';
import {
  type KeyError,
  type Modify,
  modifiesBytes,
  type RegionAccess,
  type RegionView,
} from '@tinykv/model';
import type { ConcurrencyManager, MemoryLocks } from './concurrency.js';
import {
  type Answer,
  checkKeyCount,
  keyTooLong,
  type LatchedCommands,
} from './latched-commands.js';
import { lowestCommitTs } from './mvcc/async-commit.js';
import type { Decision } from './mvcc/decision.js';
import { type FormerCommit, formerCommit } from './mvcc/former-commit.js';
import type { KeyFacts } from './mvcc/key-view.js';
import { commitOnePhase } from './mvcc/one-phase.js';
import {
  isFreeToLock,
  isReplay,
  lastMutations,
  type Mutation,
  type PrewriteTxn,
  prewrite,
} from './mvcc/prewrite.js';
import type { OnePhaseGate } from './one-phase-gate.js';
import { belowSafePoint, isKeyTooLong, proposeModifies } from './region-read.js';
import type { PrewriteAnswer, PrewriteRequest, TxnContext } from './requests.js';

/** What the writing commands of a store stand on. */
export interface WriteParts {
  readonly commands: LatchedCommands;
  readonly concurrency: ConcurrencyManager;
  /** Undefined: no commit timestamp is chosen here. */
  readonly gate: OnePhaseGate | undefined;
}

/** The first phase of a commit, which may be the only one. */
export class PrewriteCommands {
  readonly #access: RegionAccess;
  readonly #commands: LatchedCommands;
  readonly #concurrency: ConcurrencyManager;
  readonly #gate: OnePhaseGate | undefined;

  constructor({ commands, concurrency, gate }: WriteParts) {
    this.#access = commands.access;
    this.#commands = commands;
    this.#concurrency = concurrency;
    this.#gate = gate;
  }

  /**
   * One error for each key that can't be locked; with any, no key is. A request that may commit the transaction and
   * finds that an earlier copy of itself has done so answers the commit timestamp again.
   */
  prewrite(context: TxnContext, request: PrewriteRequest): Answer<PrewriteAnswer> {
    checkKeyCount(Math.max(request.mutations.length, request.asyncCommit?.secondaries.length ?? 0));
    const mutations = lastMutations(request.mutations);
    const keys = mutations.map((mutation) => mutation.key);
    const tooLong = [...keys, request.primary].filter(isKeyTooLong);
    if (tooLong.length > 0) return Promise.resolve(ok({ errors: tooLong.map(keyTooLong) }));
    const { tryOnePc = false, asyncCommit, startTs } = request;
    const run = async (view: RegionView): Answer<PrewriteAnswer> => {
      if (tryOnePc || asyncCommit !== undefined) {
        return this.#commands.withFacts(context, view, keys, startTs, (facts) => {
          const former = formerCommit(facts, startTs);
          return former === undefined
            ? this.#prewrite(context, view, facts, mutations, request)
            : this.#answerAgain(context, view, keys, former, tryOnePc);
        });
      }
      const facts = await this.#commands.readCurrent(context, view, keys);
      return facts.ok ? this.#prewrite(context, view, facts.value, mutations, request) : facts;
    };
    return this.#commands.latched(context, keys, run, valueBytes(mutations));
  }

  /** The answer of a copy that has committed: in one phase, unless some keys still say so by their locks alone. */
  #answerAgain(
    context: TxnContext,
    view: RegionView,
    keys: readonly Uint8Array[],
    { commitTs, isWhole }: FormerCommit,
    tryOnePc: boolean,
  ): Answer<PrewriteAnswer> {
    const answer: PrewriteAnswer =
      tryOnePc && isWhole
        ? { errors: [], onePcCommitTs: commitTs }
        : { errors: [], minCommitTs: commitTs };
    return this.#commands.settle(context, view, keys, { modifies: [], answer });
  }

  async #prewrite(
    context: TxnContext,
    view: RegionView,
    facts: readonly KeyFacts[],
    mutations: readonly Mutation[],
    request: PrewriteRequest,
  ): Answer<PrewriteAnswer> {
    const keys = mutations.map((mutation) => mutation.key);
    // GC may have removed this old transaction's records, even its rollback.
    const tooOld = belowSafePoint(view, request.startTs);
    if (tooOld !== undefined) return ok({ errors: [tooOld] });
    const { tryOnePc = false, asyncCommit } = request;
    const isDecisive = tryOnePc || asyncCommit !== undefined;
    const gate = isDecisive && this.#gate?.isOpen(view) ? this.#gate : undefined;
    if (gate !== undefined && tryOnePc && isFreeToLock(facts, request)) {
      const committed = await this.#commitOnePhase(gate, context, view, facts, mutations, request);
      if (committed !== undefined) return committed;
    }
    if (gate !== undefined && asyncCommit !== undefined) {
      const answer = await this.#prewriteAsync(gate, context, view, facts, mutations, request);
      if (answer !== undefined) return answer;
    }
    const ordinary = { ...request, asyncCommit: undefined };
    const decision = await this.#decideInParts(context, facts, mutations, ordinary);
    const settled = await this.#commands.settle(context, view, keys, decision);
    if (!settled.ok) return settled;
    const errors = settled.value;
    if (!isRepeated(facts, request)) return ok({ errors });
    return ok({ errors, minCommitTs: lowestCommitTs(facts, request.startTs, TS_ZERO) });
  }

  /**
   * Prewrites so that the locks alone tell at which timestamp the transaction is committed. Undefined: no timestamp can be
   * chosen, since the scheduler is away.
   */
  async #prewriteAsync(
    gate: OnePhaseGate,
    context: TxnContext,
    view: RegionView,
    facts: readonly KeyFacts[],
    mutations: readonly Mutation[],
    txn: PrewriteTxn,
  ): Promise<Awaited<Answer<PrewriteAnswer>> | undefined> {
    const { startTs } = txn;
    const keys = mutations.map(({ key }) => key);
    const locks = this.#lockInMemory(keys, txn);
    try {
      if (!gate.isChosen(locks, startTs)) {
        // Errors do not depend on the timestamp, so nobody asks for one.
        const { answer: errors } = await this.#decideInParts(context, facts, mutations, txn);
        if (errors.length === 0 && !(await gate.choose(locks, startTs))) return undefined;
      }
      const { commitTs: fresh } = locks;
      const dated = { ...txn, minCommitTs: fresh };
      const decision = await this.#decideInParts(context, facts, mutations, dated);
      const settled = await this.#commands.settle(context, view, keys, decision);
      if (!settled.ok) return settled;
      if (settled.value.length > 0) return ok({ errors: settled.value });
      return ok({ errors: [], minCommitTs: lowestCommitTs(facts, startTs, fresh) });
    } finally {
      locks.release();
    }
  }

  /** Undefined: no timestamp can be chosen, or the versions that it would displace make it larger than one entry. */
  async #commitOnePhase(
    gate: OnePhaseGate,
    context: TxnContext,
    view: RegionView,
    facts: readonly KeyFacts[],
    mutations: readonly Mutation[],
    txn: PrewriteTxn,
  ): Promise<Awaited<Answer<PrewriteAnswer>> | undefined> {
    const keys = mutations.map(({ key }) => key);
    const locks = this.#lockInMemory(keys, txn);
    try {
      if (!(await gate.choose(locks, txn.startTs))) return undefined;
      const { commitTs } = locks;
      const modifies: Modify[] = [];
      for (let from = 0; from < facts.length; from += limits.commandPartKeys) {
        if (from > 0) await this.#commands.turn(context);
        const to = from + limits.commandPartKeys;
        const part = mutations.slice(from, to);
        modifies.push(...commitOnePhase(facts.slice(from, to), part, txn.startTs, commitTs));
      }
      if (modifiesBytes(modifies) > limits.raftEntryBytesMax) return undefined;
      const proposed = await proposeModifies(this.#access, view, modifies);
      return proposed.ok ? ok({ errors: [], onePcCommitTs: commitTs }) : proposed;
    } finally {
      locks.release();
    }
  }

  /** As {@link prewrite}, so many keys in a turn. */
  async #decideInParts(
    context: TxnContext,
    facts: readonly KeyFacts[],
    mutations: readonly Mutation[],
    txn: PrewriteTxn,
  ): Promise<Decision<readonly KeyError[]>> {
    if (facts.length <= limits.commandPartKeys) return prewrite(facts, mutations, txn);
    const modifies: Modify[] = [];
    const errors: KeyError[] = [];
    for (let from = 0; from < facts.length; from += limits.commandPartKeys) {
      if (from > 0) await this.#commands.turn(context);
      const to = from + limits.commandPartKeys;
      const part = prewrite(facts.slice(from, to), mutations.slice(from, to), txn);
      modifies.push(...part.modifies);
      errors.push(...part.answer);
    }
    return { modifies: errors.length > 0 ? [] : modifies, answer: errors };
  }

  /** The keys are latched. */
  #lockInMemory(keys: readonly Uint8Array[], txn: PrewriteTxn): MemoryLocks {
    const lowest = lowestOf(txn);
    return this.#concurrency.lockKeys(keys, lowest);
  }
}

/**
 * The locks of an earlier attempt for async commit: by them the transaction may be committed already, so it
 * must not be sent into a second phase, where the client would commit it at another timestamp.
 */
function isRepeated(
  facts: readonly KeyFacts[],
  { startTs, asyncCommit }: PrewriteRequest,
): boolean {
  return asyncCommit !== undefined && facts.every((fact) => isReplay(fact, { startTs }));
}

function valueBytes(mutations: readonly Mutation[]): number {
  return mutations.reduce((sum, each) => sum + (each.kind === 'put' ? each.value.length : 0), 0);
}

/** Lower bound for the commit timestamp. */
function lowestOf({ startTs, minCommitTs = TS_ZERO }: PrewriteTxn): Timestamp {
  return maxTimestamp(startTs + 1n, minCommitTs);
}
