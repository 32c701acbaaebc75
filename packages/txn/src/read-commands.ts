import {
  type Awaitable,
  type Env,
  err,
  limits,
  ok,
  type Planted,
  type Result,
  type Timestamp,
  whenReady,
} from '@tinykv/base';
import {
  locationKey,
  type RegionAccess,
  type RegionError,
  type RegionView,
  rangeContains,
} from '@tinykv/model';
import type { ConcurrencyManager } from './concurrency.js';
import { type Answer, keyTooLong } from './latched-commands.js';
import { findVisibleInHistory, readKey, readValue } from './mvcc/key-view.js';
import { visibleAt } from './mvcc/read.js';
import { type ScanPair, scan } from './mvcc/scan.js';
import type { OnePhaseGate } from './one-phase-gate.js';
import { isKeyTooLong, locationRange, readConfirmed, withSnapshot } from './region-read.js';
import type { GetAnswer, TxnContext, TxnScanRequest } from './requests.js';

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
  readonly #concurrency: ConcurrencyManager;
  readonly #gate: OnePhaseGate | undefined;
  readonly #planted: Planted;

  constructor({ env, access, concurrency, gate }: ReadParts) {
    this.#access = access;
    this.#concurrency = concurrency;
    this.#gate = gate;
    this.#planted = (name) => env.planted(name);
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
}

export function aheadOfCluster(ts: Timestamp): string {
  return `timestamp ${ts} is ahead of the cluster`;
}
