import {
  type Awaitable,
  type Clock,
  type Env,
  KvError,
  limits,
  ok,
  type Result,
  type Timestamp,
  TS_ZERO,
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
import type { ConcurrencyManager, MemoryLock } from './concurrency.js';
import { type Answer, keyTooLong } from './latched-commands.js';
import { AnswerBudget } from './mvcc/answer-budget.js';
import { findVisibleInHistory, readKey, readValue } from './mvcc/key-view.js';
import { PairList, type PairSink, type ScanPair } from './mvcc/pair-sink.js';
import { type ReadPoint, visibleAt } from './mvcc/read.js';
import { type ScanEnd, scan } from './mvcc/scan.js';
import type { OnePhaseGate } from './one-phase-gate.js';
import {
  aheadError,
  belowSafePoint,
  isKeyTooLong,
  locationRange,
  readConfirmed,
  turnOf,
  withSnapshot,
} from './region-read.js';
import type {
  GetAnswer,
  PairsAnswer,
  TxnContext,
  TxnScanRequest,
  VersionsAnswer,
} from './requests.js';

/** What the read commands of a store stand on. */
export interface ReadParts {
  readonly env: Env;
  readonly access: RegionAccess;
  readonly concurrency: ConcurrencyManager;
  /** Undefined: no commit timestamp is chosen here, so reads need not be counted. */
  readonly gate: OnePhaseGate | undefined;
}

/** Snapshot reads: the timestamp counts first, then locks in memory are waited for, then records are read. */
export class ReadCommands {
  readonly #access: RegionAccess;
  readonly #clock: Clock;
  readonly #concurrency: ConcurrencyManager;
  readonly #gate: OnePhaseGate | undefined;

  constructor({ env, access, concurrency, gate }: ReadParts) {
    this.#access = access;
    this.#clock = env.clock;
    this.#concurrency = concurrency;
    this.#gate = gate;
  }

  get(
    context: TxnContext,
    key: Uint8Array,
    ts: Timestamp,
  ): Awaitable<Result<GetAnswer, RegionError>> {
    if (isKeyTooLong(key)) return ok({ type: 'key-error', error: keyTooLong(key) });
    const keys = [key];
    return whenReady(this.#admit(context, ts, keys), (isAdmitted = true) => {
      if (!isAdmitted) return ok({ type: 'key-error', error: aheadError(ts) });
      return whenReady(this.#access.acquireRead(context, keys), (view) => {
        if (!view.ok) return view;
        const point = this.#pointOf(context, ts);
        const lock = this.#blocking(context, key, ts);
        if (lock === undefined) return getThrough(view.value, key, point);
        return lock.released.then(() => getThrough(view.value, key, point));
      });
    });
  }

  /**
   * The keys that exist or are locked, in the order in which they were asked for; all must lie in the Region.
   * Throws KvError RESOURCE_EXHAUSTED when they are too many, or too large, for one answer.
   */
  async batchGet(
    context: TxnContext,
    keys: readonly Uint8Array[],
    ts: Timestamp,
  ): Answer<PairsAnswer> {
    const read = await this.versions(context, keys, ts);
    if (!read.ok) return read;
    if (read.value.type === 'key-error') return ok(read.value);
    const pairs: ScanPair[] = [];
    for (const each of read.value.versions) if (each.type !== 'not-found') pairs.push(each);
    return ok({ type: 'pairs', pairs });
  }

  /** As {@link batchGet}, with the versions that are seen, and for keys that do not exist too. */
  async versions(
    context: TxnContext,
    keys: readonly Uint8Array[],
    ts: Timestamp,
  ): Answer<VersionsAnswer> {
    if (keys.length > limits.batchGetKeysMax) {
      const text = `${keys.length} keys: the most is ${limits.batchGetKeysMax}`;
      throw new KvError('RESOURCE_EXHAUSTED', text);
    }
    const tooLong = keys.find(isKeyTooLong);
    if (tooLong !== undefined) return ok({ type: 'key-error', error: keyTooLong(tooLong) });
    if ((await this.#admit(context, ts, keys)) === false) {
      return ok({ type: 'key-error', error: aheadError(ts) });
    }
    const view = await this.#access.acquireRead(context, keys);
    if (!view.ok) return view;
    // The timestamp counts by now: a key that is locked from here on is committed above it.
    for (const key of keys) {
      const lock = this.#blocking(context, key, ts);
      if (lock !== undefined) await lock.released;
    }
    return this.#getAll(context, view.value, keys, this.#pointOf(context, ts));
  }

  async #getAll(
    context: TxnContext,
    view: RegionView,
    keys: readonly Uint8Array[],
    point: ReadPoint,
  ): Answer<VersionsAnswer> {
    const budget = new AnswerBudget();
    const versions: (GetAnswer & { readonly key: Uint8Array })[] = [];
    for (const [i, key] of keys.entries()) {
      if (i > 0 && i % limits.scanPageKeys === 0) await turnOf(this.#clock, context);
      const got = await getThrough(view, key, point);
      if (!got.ok) return got;
      spend(budget, key, got.value);
      versions.push({ key, ...got.value });
    }
    // Asked for after the reads: what was collected before one of them counts.
    return ok({ type: 'versions', versions, safePoint: view.safePoint });
  }

  /** As {@link scanInto}, in one list. */
  async scan(context: TxnContext, request: TxnScanRequest): Answer<PairsAnswer> {
    const list = new PairList();
    const read = await this.scanInto(context, request, list);
    if (!read.ok) return read;
    const { value: end } = read;
    if (typeof end === 'object') return ok({ type: 'key-error', error: end });
    return ok({ type: 'pairs', pairs: list.pairs });
  }

  /**
   * Gives exactly `limit` pairs to `sink` while the Region has them, or as many as the bytes that were asked for hold; answers
   * how it ended, or why nothing was read. Throws AnswerTooLargeError when they do not fit into one answer: what
   * `sink` was given is then no answer.
   */
  async scanInto(
    context: TxnContext,
    request: TxnScanRequest,
    sink: PairSink,
  ): Answer<ScanEnd | KeyError> {
    const { startKey, endKey, limit, reverse, keyOnly, groups, ts } = request;
    const { valueBytesMax = 0, answerBytesMax = 0 } = request;
    if ((await this.#admit(context, ts)) === false) return ok(aheadError(ts));
    const view = await this.#access.acquireRead(context, reverse ? [] : [startKey]);
    if (!view.ok) return view;
    const { api } = this.#access;
    const range = locationRange(api, startKey, endKey, view.value.region.range);
    if (range === undefined) return ok('done');
    const isRead = (key: Uint8Array): boolean =>
      !ignoresLocks(context) && rangeContains(range, locationKey(api, key));
    for (const { released } of this.#concurrency.blockingScan(isRead, ts)) await released;
    const turn = (): Promise<void> => turnOf(this.#clock, context);
    const point = this.#pointOf(context, ts);
    return withSnapshot(view.value, async (snapshot): Promise<ScanEnd | KeyError> => {
      const error = belowSafePoint(view.value, ts);
      if (error !== undefined) return error;
      const sizes = { limit, valueBytesMax, answerBytesMax };
      const options = { range, ...sizes, reverse, keyOnly, groups, turn };
      return scan(snapshot, api, point, options, sink);
    });
  }

  /** As {@link OnePhaseGate.admit}. A read without a snapshot has none that a commit could change. */
  #admit(
    context: TxnContext,
    ts: Timestamp,
    keys?: readonly Uint8Array[],
  ): Promise<boolean> | undefined {
    return ignoresLocks(context) ? undefined : this.#gate?.admit(ts, keys);
  }

  #blocking(context: TxnContext, key: Uint8Array, ts: Timestamp): MemoryLock | undefined {
    return ignoresLocks(context) ? undefined : this.#concurrency.blocking(key, ts);
  }

  #pointOf({ strict, isolation, resolvedLocks }: TxnContext, ts: Timestamp): ReadPoint {
    return { ts, strict, isolation, resolvedLocks };
  }
}

function spend(budget: AnswerBudget, key: Uint8Array, got: GetAnswer): void {
  if (got.type === 'key-error') budget.spendError(key, got.error);
  else budget.spend(key.length, got.type === 'value' ? got.value.length : 0);
}

const NEVER_WRITTEN: GetAnswer = { type: 'not-found', commitTs: TS_ZERO };

function getThrough(
  view: RegionView,
  key: Uint8Array,
  point: ReadPoint,
): Awaitable<Result<GetAnswer, RegionError>> {
  const recent = readConfirmed(view, (reader) => {
    const visible = visibleAt(readKey(reader, key), point);
    if (visible.type !== 'version' || visible.write.kind !== 'put') return visible;
    const { commitTs } = visible.write;
    return { type: 'value', value: readValue(reader, key, visible.write), commitTs } as const;
  });
  if (!recent.ok) return recent;
  const error = belowSafePoint(view, point.ts);
  if (error !== undefined) return ok({ type: 'key-error', error });
  switch (recent.value.type) {
    case 'value':
      return ok(recent.value);
    case 'locked':
      return ok({ type: 'key-error', error: recent.value.error });
    case 'none':
      return ok(NEVER_WRITTEN);
    case 'version':
      return ok({ type: 'not-found', commitTs: recent.value.write.commitTs });
    case 'in-history':
      return getFromHistory(view, key, point);
  }
}

/** The newest version is above `ts`; older ones are in the history by the time that it was seen. */
function getFromHistory(view: RegionView, key: Uint8Array, { ts }: ReadPoint): Answer<GetAnswer> {
  return withSnapshot(view, async (snapshot) => {
    const error = belowSafePoint(view, ts);
    if (error !== undefined) return { type: 'key-error', error };
    const write = await findVisibleInHistory(snapshot, key, ts);
    if (write === undefined) return NEVER_WRITTEN;
    const { commitTs } = write;
    if (write.kind !== 'put') return { type: 'not-found', commitTs };
    return { type: 'value', value: readValue(snapshot, key, write), commitTs };
  });
}

function ignoresLocks({ isolation }: TxnContext): boolean {
  return isolation === 'read-committed';
}
