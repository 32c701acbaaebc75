import {
  type Awaitable,
  type Env,
  err,
  type Histogram,
  keyString,
  limits,
  ok,
  type Planted,
  type Result,
  type Timestamp,
  whenReady,
} from '@tinykv/base';
import {
  type KeyError,
  locationKey,
  type RegionAccess,
  type RegionError,
  type RegionView,
  rangeContains,
} from '@tinykv/model';
import { ConcurrencyManager } from './concurrency.js';
import { Latches } from './latches.js';
import { checkTxnStatus, type TxnStatus } from './mvcc/check-txn.js';
import { commit } from './mvcc/commit.js';
import { type Decision, distinctKeys } from './mvcc/decision.js';
import {
  findOwnCommits,
  findVisibleInHistory,
  type KeyFacts,
  NO_COMMITS,
  readKey,
  readTxnKeys,
  readValue,
  type TxnKeyFacts,
} from './mvcc/key-view.js';
import { commitOnePhase } from './mvcc/one-phase.js';
import { isFreeToLock, lastMutations, type Mutation, prewrite } from './mvcc/prewrite.js';
import { visibleAt } from './mvcc/read.js';
import { lockedKeys, type ResolveTxn, resolve } from './mvcc/resolve.js';
import { rollback } from './mvcc/rollback.js';
import { type ScanPair, scan } from './mvcc/scan.js';
import { OnePhaseGate } from './one-phase-gate.js';
import {
  isKeyTooLong,
  keyTooLongMessage,
  locationRange,
  proposeModifies,
  readConfirmed,
  withSnapshot,
} from './region-read.js';
import type {
  CheckTxnRequest,
  CommitRequest,
  GetAnswer,
  PrewriteAnswer,
  PrewriteRequest,
  RollbackRequest,
  TxnContext,
  TxnScanRequest,
} from './requests.js';

/** What a command answers when the store serves it, or why the store does not. */
export type Answer<A> = Promise<Result<A, RegionError>>;

/**
 * Runs the transaction commands of a store: latch the keys, read the facts, decide, propose, answer.
 *
 * Facts stay true from their reading to the apply of what was decided from them, because every writer of
 * the same keys takes the same latches, and because a proposal is refused once the term or the Region's
 * range has changed. A latch is held until the outcome of the proposal is known or its term is over,
 * however long that takes and whether or not anyone still waits for the answer.
 */
export class TxnExecutor {
  readonly #access: RegionAccess;
  readonly #env: Env;
  readonly #latches = new Latches(limits.latchCommandsMax);
  readonly #latchWait: Histogram;
  readonly #withoutLatches: boolean;
  readonly #planted: Planted;
  readonly #concurrency = new ConcurrencyManager();
  readonly #gate: OnePhaseGate | undefined;

  /** Without a source of timestamps nothing is committed in one phase. */
  constructor(env: Env, access: RegionAccess, timestamp?: () => Promise<Timestamp>) {
    this.#env = env;
    this.#gate = timestamp && new OnePhaseGate(this.#concurrency, timestamp, env.logger);
    this.#withoutLatches = env.planted('txn-without-latches');
    this.#planted = (name) => env.planted(name);
    this.#access = access;
    this.#latchWait = env.metrics.histogram(
      'tinykv_txn_latch_wait_seconds',
      'Time that commands waited for the latches of their keys',
    );
  }

  get(
    context: TxnContext,
    key: Uint8Array,
    ts: Timestamp,
  ): Awaitable<Result<GetAnswer, RegionError>> {
    if (isKeyTooLong(key)) return ok({ type: 'key-error', error: keyTooLong(key) });
    return whenReady(this.#gate?.admit(ts), (isAdmitted = true) => {
      if (!isAdmitted) {
        const error = { type: 'abort', message: aheadOfCluster(ts) } as const;
        return ok({ type: 'key-error', error });
      }
      return whenReady(this.#access.acquireRead(context, [key]), (view) => {
        if (!view.ok) return view;
        const get = (): Awaitable<Result<GetAnswer, RegionError>> =>
          this.#getThrough(view.value, context, key, ts);
        const lock = this.#concurrency.blocking(key, ts);
        return lock === undefined ? get() : lock.released.then(get);
      });
    });
  }

  #getThrough(
    view: RegionView,
    { strict }: TxnContext,
    key: Uint8Array,
    ts: Timestamp,
  ): Awaitable<Result<GetAnswer, RegionError>> {
    const recent = readConfirmed(view, (reader) => {
      const visible = visibleAt(readKey(reader, key), { ts, strict, planted: this.#planted });
      if (visible.type !== 'version' || visible.write.kind !== 'put') return visible;
      return { type: 'value', value: readValue(reader, key, visible.write) } as const;
    });
    if (!recent.ok) return recent;
    switch (recent.value.type) {
      case 'value':
        return ok(recent.value);
      case 'locked':
        return ok({ type: 'key-error', error: recent.value.error });
      case 'none':
      case 'version':
        return ok({ type: 'not-found' });
      case 'in-history':
        return this.#getFromHistory(view, key, ts);
    }
  }

  /** The newest version is above `ts`; older ones are in the history by the time that it was seen. */
  #getFromHistory(view: RegionView, key: Uint8Array, ts: Timestamp): Answer<GetAnswer> {
    return withSnapshot(view, async (snapshot) => {
      const write = await findVisibleInHistory(snapshot, key, ts);
      if (write?.kind !== 'put') return { type: 'not-found' };
      return { type: 'value', value: readValue(snapshot, key, write) };
    });
  }

  /** Exactly `limit` pairs (at most `limits.scanPairsMax`) while the Region has them. */
  async scan(context: TxnContext, request: TxnScanRequest): Answer<readonly ScanPair[]> {
    const { startKey, endKey, reverse, keyOnly, ts } = request;
    if ((await this.#gate?.admit(ts)) === false) {
      return err({ type: 'other', message: aheadOfCluster(ts) });
    }
    const view = await this.#access.acquireRead(context, reverse ? [] : [startKey]);
    if (!view.ok) return view;
    const range = locationRange(this.#access.api, startKey, endKey, view.value.region.range);
    if (range === undefined) return ok([]);
    const { api } = this.#access;
    const isRead = (key: Uint8Array): boolean => rangeContains(range, locationKey(api, key));
    for (const { released } of this.#concurrency.blockingScan(isRead, ts)) await released;
    const limit = Math.min(request.limit, limits.scanPairsMax);
    return withSnapshot(view.value, (snapshot) =>
      scan(
        snapshot,
        this.#access.api,
        { ts, strict: context.strict, planted: this.#planted },
        { range, limit, reverse, keyOnly },
      ),
    );
  }

  /** One error for each key that can't be locked; with any, no key is. */
  prewrite(context: TxnContext, request: PrewriteRequest): Answer<PrewriteAnswer> {
    const mutations = lastMutations(request.mutations);
    const keys = mutations.map((mutation) => mutation.key);
    const tooLong = [...keys, request.primary].filter(isKeyTooLong);
    if (tooLong.length > 0) return Promise.resolve(ok({ errors: tooLong.map(keyTooLong) }));
    return this.#latched(context, keys, async (view) => {
      const facts = readConfirmed(view, (reader) => keys.map((key) => readKey(reader, key)));
      if (!facts.ok) return facts;
      const txn = { ...request, planted: this.#planted };
      const mayCommit = request.tryOnePc === true && this.#gate?.isOpen(view) === true;
      if (mayCommit && isFreeToLock(facts.value, txn)) {
        return this.#commitOnePhase(view, facts.value, mutations, request.startTs);
      }
      const decision = prewrite(facts.value, mutations, txn);
      const settled = await this.#settle(context, view, keys, decision);
      return settled.ok ? ok({ errors: settled.value }) : settled;
    });
  }

  async #commitOnePhase(
    view: RegionView,
    facts: readonly KeyFacts[],
    mutations: readonly Mutation[],
    startTs: Timestamp,
  ): Answer<PrewriteAnswer> {
    const keys = mutations.map(({ key }) => key);
    const { commitTs, release } = this.#concurrency.lockKeys(keys, startTs);
    try {
      const modifies = commitOnePhase(facts, mutations, startTs, commitTs);
      const proposed = await proposeModifies(this.#access, view, modifies);
      return proposed.ok ? ok({ errors: [], onePcCommitTs: commitTs }) : proposed;
    } finally {
      release();
    }
  }

  commit(context: TxnContext, request: CommitRequest): Answer<KeyError | undefined> {
    const keys = distinctKeys(request.keys);
    const tooLong = keys.find(isKeyTooLong);
    if (tooLong !== undefined) return Promise.resolve(ok(keyTooLong(tooLong)));
    return this.#onTxnKeys(context, keys, request.startTs, (facts) =>
      commit(facts, { ...request, strict: context.strict, planted: this.#planted }),
    );
  }

  batchRollback(context: TxnContext, request: RollbackRequest): Answer<KeyError | undefined> {
    const keys = distinctKeys(request.keys);
    const tooLong = keys.find(isKeyTooLong);
    if (tooLong !== undefined) return Promise.resolve(ok(keyTooLong(tooLong)));
    return this.#onTxnKeys(context, keys, request.startTs, (facts) =>
      rollback(facts, request.startTs),
    );
  }

  checkTxnStatus(context: TxnContext, request: CheckTxnRequest): Answer<TxnStatus> {
    const { primary, startTs, currentTs } = request;
    if (isKeyTooLong(primary)) {
      // The response has no field for an error of the key.
      return Promise.resolve(err({ type: 'other', message: keyTooLongMessage(primary) }));
    }
    return this.#onTxnKeys(context, [primary], startTs, (facts) =>
      checkTxnStatus(facts[0]!, startTs, currentTs, this.#planted),
    );
  }

  /** Ends the transaction on every key of the Region that it still locks, a bounded batch at a time. */
  async resolveLock(context: TxnContext, named: ResolveTxn): Answer<KeyError | undefined> {
    const takesAny = this.#planted('txn-foreign-lock-resolved');
    const txn = takesAny ? { ...named, takesAny } : named;
    const view = await this.#access.acquireWrite(context, []);
    if (!view.ok) return view;
    const { api } = this.#access;
    const resolved = await withSnapshot(view.value, async (snapshot) => {
      const { range } = view.value.region;
      for await (const keys of lockedKeys(snapshot, api, range, txn)) {
        const done = await this.#onTxnKeys(context, keys, txn.startTs, (facts) =>
          resolve(facts, txn),
        );
        if (!done.ok || done.value !== undefined) return done;
      }
      return ok(undefined);
    });
    return resolved.ok ? resolved.value : resolved;
  }

  #onTxnKeys<A>(
    context: TxnContext,
    keys: readonly Uint8Array[],
    startTs: Timestamp,
    decide: (facts: readonly TxnKeyFacts[]) => Decision<A>,
  ): Answer<A> {
    return this.#latched(context, keys, async (view) => {
      let read = readConfirmed(view, (reader) => readTxnKeys(reader, keys, startTs, NO_COMMITS));
      if (read.ok && read.value.inHistory.length > 0) {
        const known = await findOwnCommits(view.reader, read.value.inHistory, startTs);
        read = readConfirmed(view, (reader) => readTxnKeys(reader, keys, startTs, known));
      }
      if (!read.ok) return read;
      // The latches hold off every writer of this term, so it is over.
      if (read.value.inHistory.length > 0) return err({ type: 'stale-command' });
      return this.#settle(context, view, keys, decide(read.value.facts));
    });
  }

  /** Holds the latches of the keys while `run` reads, decides and proposes. */
  async #latched<A>(
    context: TxnContext,
    keys: readonly Uint8Array[],
    run: (view: RegionView) => Answer<A>,
  ): Answer<A> {
    const latch = this.#latches.acquire(this.#withoutLatches ? [] : keys.map(keyString));
    if (latch === undefined) return err({ type: 'server-is-busy', reason: 'too many commands' });
    if (latch.held !== undefined) {
      const since = this.#env.clock.mono();
      await latch.held;
      this.#latchWait.observe((this.#env.clock.mono() - since) / 1000);
    }
    try {
      const view = await this.#access.acquireWrite(context, keys);
      return view.ok ? await run(view.value) : view;
    } finally {
      latch.release();
    }
  }

  /** Called in the turn in which the facts were read, so that nothing comes between them and the proposal. */
  async #settle<A>(
    context: TxnContext,
    view: RegionView,
    keys: readonly Uint8Array[],
    decision: Decision<A>,
  ): Answer<A> {
    if (decision.modifies.length > 0) {
      const proposed = await proposeModifies(this.#access, view, decision.modifies);
      return proposed.ok ? ok(decision.answer) : proposed;
    }
    // Nothing goes through the log that would prove the leadership: the answer is a read, and a read of a
    // deposed leader could miss a commit. Leading the same term later proves it for the facts as well.
    const later = await this.#access.acquireRead(context, keys);
    if (!later.ok) return later;
    return later.value.term === view.term ? ok(decision.answer) : err({ type: 'stale-command' });
  }
}

function aheadOfCluster(ts: Timestamp): string {
  return `timestamp ${ts} is ahead of the cluster`;
}

function keyTooLong(key: Uint8Array): KeyError {
  return { type: 'abort', message: keyTooLongMessage(key) };
}
