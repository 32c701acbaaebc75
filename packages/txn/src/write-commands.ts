import {
  type Env,
  err,
  limits,
  maxTimestamp,
  ok,
  type Planted,
  type Result,
  type Timestamp,
  TS_ZERO,
} from '@tinykv/base';
import { type KeyError, modifiesBytes, type RegionAccess, type RegionView } from '@tinykv/model';

import type { ConcurrencyManager, MemoryLocks } from './concurrency.js';
import { type Answer, keyTooLong, type LatchedCommands } from './latched-commands.js';
import { checkSecondaries, lowestCommitTs, type SecondariesStatus } from './mvcc/async-commit.js';
import { checkTxnStatus, type TxnStatus } from './mvcc/check-txn.js';
import { commit } from './mvcc/commit.js';
import { distinctKeys } from './mvcc/decision.js';
import { heartBeat } from './mvcc/heart-beat.js';
import { type KeyFacts, readKey } from './mvcc/key-view.js';
import { commitOnePhase } from './mvcc/one-phase.js';
import {
  isFreeToLock,
  isReplay,
  lastMutations,
  type Mutation,
  type PrewriteTxn,
  prewrite,
} from './mvcc/prewrite.js';
import { lockedKeys, type ResolveTxn, resolve } from './mvcc/resolve.js';
import { rollback } from './mvcc/rollback.js';
import type { OnePhaseGate } from './one-phase-gate.js';
import {
  belowSafePoint,
  isKeyTooLong,
  keyTooLongMessage,
  proposeModifies,
  readConfirmed,
  withSnapshot,
} from './region-read.js';
import type {
  CheckSecondariesRequest,
  CheckTxnRequest,
  CommitRequest,
  HeartBeatRequest,
  PrewriteAnswer,
  PrewriteRequest,
  RollbackRequest,
  TxnContext,
} from './requests.js';

/** What the writing commands of a store stand on. */
export interface WriteParts {
  readonly env: Env;
  readonly commands: LatchedCommands;
  readonly concurrency: ConcurrencyManager;
  /** Undefined: no commit timestamp is chosen here. */
  readonly gate: OnePhaseGate | undefined;
}

/** Percolator's writing commands. */
export class WriteCommands {
  readonly #access: RegionAccess;
  readonly #commands: LatchedCommands;
  readonly #concurrency: ConcurrencyManager;
  readonly #gate: OnePhaseGate | undefined;
  readonly #planted: Planted;

  constructor({ env, commands, concurrency, gate }: WriteParts) {
    this.#access = commands.access;
    this.#commands = commands;
    this.#concurrency = concurrency;
    this.#gate = gate;
    this.#planted = (name) => env.planted(name);
  }

  /** One error for each key that can't be locked; with any, no key is. */
  prewrite(context: TxnContext, request: PrewriteRequest): Answer<PrewriteAnswer> {
    const mutations = lastMutations(request.mutations);
    const keys = mutations.map((mutation) => mutation.key);
    const tooLong = [...keys, request.primary].filter(isKeyTooLong);
    if (tooLong.length > 0) return Promise.resolve(ok({ errors: tooLong.map(keyTooLong) }));
    return this.#commands.latched(context, keys, async (view) => {
      const facts = readConfirmed(view, (reader) => keys.map((key) => readKey(reader, key)));
      if (!facts.ok) return facts;
      // What told of a transaction that old may be gone, that it is rolled back, too.
      const tooOld = belowSafePoint(view, request.startTs);
      if (tooOld !== undefined) return ok({ errors: [tooOld] });
      const txn = { ...request, planted: this.#planted };
      const { tryOnePc = false, asyncCommit } = request;
      const mayChoose = (tryOnePc || asyncCommit !== undefined) && this.#gate?.isOpen(view);
      if (mayChoose && tryOnePc && isFreeToLock(facts.value, txn)) {
        const committed = await this.#commitOnePhase(view, facts.value, mutations, txn);
        if (committed !== undefined) return committed;
      }
      if (mayChoose && asyncCommit !== undefined) {
        return this.#prewriteAsync(context, view, facts.value, mutations, txn);
      }
      const decision = prewrite(facts.value, mutations, { ...txn, asyncCommit: undefined });
      const settled = await this.#commands.settle(context, view, keys, decision);
      if (!settled.ok) return settled;
      const errors = settled.value;
      if (!isRepeated(facts.value, request)) return ok({ errors });
      return ok({ errors, minCommitTs: lowestCommitTs(facts.value, request.startTs, TS_ZERO) });
    });
  }

  /** Prewrites so that the locks alone tell at which timestamp the transaction is committed. */
  async #prewriteAsync(
    context: TxnContext,
    view: RegionView,
    facts: readonly KeyFacts[],
    mutations: readonly Mutation[],
    txn: PrewriteTxn,
  ): Answer<PrewriteAnswer> {
    const { startTs } = txn;
    const keys = mutations.map(({ key }) => key);
    const { commitTs: fresh, release } = this.#lockInMemory(keys, txn);
    try {
      const decision = prewrite(facts, mutations, { ...txn, minCommitTs: fresh });
      const settled = await this.#commands.settle(context, view, keys, decision);
      if (!settled.ok) return settled;
      if (settled.value.length > 0) return ok({ errors: settled.value });
      return ok({ errors: [], minCommitTs: lowestCommitTs(facts, startTs, fresh) });
    } finally {
      release();
    }
  }

  /** Undefined: the versions that it would displace make it larger than one entry. */
  async #commitOnePhase(
    view: RegionView,
    facts: readonly KeyFacts[],
    mutations: readonly Mutation[],
    txn: PrewriteTxn,
  ): Promise<Awaited<Answer<PrewriteAnswer>> | undefined> {
    const keys = mutations.map(({ key }) => key);
    const { commitTs, release } = this.#lockInMemory(keys, txn);
    try {
      const modifies = commitOnePhase(facts, mutations, txn.startTs, commitTs);
      if (modifiesBytes(modifies) > limits.raftEntryBytesMax) return undefined;
      const proposed = await proposeModifies(this.#access, view, modifies);
      return proposed.ok ? ok({ errors: [], onePcCommitTs: commitTs }) : proposed;
    } finally {
      release();
    }
  }

  #lockInMemory(keys: readonly Uint8Array[], txn: PrewriteTxn): MemoryLocks {
    const locks = this.#concurrency.lockKeys(keys, lowestOf(txn));
    return this.#planted('txn-commit-below-reads') ? { ...locks, commitTs: lowestOf(txn) } : locks;
  }

  commit(context: TxnContext, request: CommitRequest): Answer<KeyError | undefined> {
    const keys = distinctKeys(request.keys);
    const tooLong = keys.find(isKeyTooLong);
    if (tooLong !== undefined) return Promise.resolve(ok(keyTooLong(tooLong)));
    return this.#commands.onTxnKeys(context, keys, request.startTs, (facts) =>
      commit(facts, { ...request, strict: context.strict, planted: this.#planted }),
    );
  }

  batchRollback(context: TxnContext, request: RollbackRequest): Answer<KeyError | undefined> {
    const keys = distinctKeys(request.keys);
    const tooLong = keys.find(isKeyTooLong);
    if (tooLong !== undefined) return Promise.resolve(ok(keyTooLong(tooLong)));
    return this.#commands.onTxnKeys(context, keys, request.startTs, (facts) =>
      rollback(facts, request.startTs),
    );
  }

  checkTxnStatus(context: TxnContext, request: CheckTxnRequest): Answer<TxnStatus> {
    const { primary, startTs } = request;
    if (isKeyTooLong(primary)) {
      // The response has no field for an error of the key.
      return Promise.resolve(err({ type: 'other', message: keyTooLongMessage(primary) }));
    }
    const { strict } = context;
    return this.#commands.onTxnKeys(context, [primary], startTs, (facts, { safePoint }) =>
      checkTxnStatus(facts[0]!, { ...request, strict, safePoint, planted: this.#planted }),
    );
  }

  /** The time to live of the primary's lock, in milliseconds from the start. */
  txnHeartBeat(context: TxnContext, request: HeartBeatRequest): Answer<Result<number, KeyError>> {
    const { primary, startTs, ttlMs } = request;
    if (isKeyTooLong(primary)) return Promise.resolve(ok(err(keyTooLong(primary))));
    return this.#commands.onTxnKeys(context, [primary], startTs, (facts) =>
      heartBeat(facts[0]!, startTs, ttlMs),
    );
  }

  /** Whether a transaction that commits asynchronously has all of these keys prewritten. */
  checkSecondaryLocks(
    context: TxnContext,
    request: CheckSecondariesRequest,
  ): Answer<SecondariesStatus> {
    const keys = distinctKeys(request.keys);
    const tooLong = keys.find(isKeyTooLong);
    if (tooLong !== undefined) {
      return Promise.resolve(err({ type: 'other', message: keyTooLongMessage(tooLong) }));
    }
    return this.#commands.onTxnKeys(context, keys, request.startTs, (facts) =>
      checkSecondaries(facts, request.startTs),
    );
  }

  /**
   * Ends the transaction on those of the keys that it still locks; without keys, on every key of the Region, a
   * bounded batch at a time.
   */
  async resolveLock(
    context: TxnContext,
    named: ResolveTxn,
    keys: readonly Uint8Array[] = [],
  ): Answer<KeyError | undefined> {
    const takesAny = this.#planted('txn-foreign-lock-resolved');
    const txn = takesAny ? { ...named, takesAny } : named;
    if (keys.length > 0) return this.#resolveKeys(context, keys, txn);
    // That there are no locks is an answer too, and no proposal proves it: it is read as any other.
    const view = await this.#access.acquireRead(context, []);
    if (!view.ok) return view;
    const { api } = this.#access;
    const resolved = await withSnapshot(view.value, async (snapshot) => {
      const { range } = view.value.region;
      for await (const keys of lockedKeys(snapshot, api, range, txn)) {
        const done = await this.#resolveKeys(context, keys, txn);
        if (!done.ok || done.value !== undefined) return done;
      }
      return ok(undefined);
    });
    return resolved.ok ? resolved.value : resolved;
  }

  #resolveKeys(
    context: TxnContext,
    keys: readonly Uint8Array[],
    txn: ResolveTxn,
  ): Answer<KeyError | undefined> {
    const distinct = distinctKeys(keys);
    const tooLong = distinct.find(isKeyTooLong);
    if (tooLong !== undefined) return Promise.resolve(ok(keyTooLong(tooLong)));
    return this.#commands.onTxnKeys(context, distinct, txn.startTs, (facts) => resolve(facts, txn));
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

/** No commit timestamp below it will do. */
function lowestOf({ startTs, minCommitTs = TS_ZERO }: PrewriteTxn): Timestamp {
  return maxTimestamp(startTs + 1n, minCommitTs);
}
