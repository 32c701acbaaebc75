import { assert, err, keyString, ok, type Result, type Timestamp, TS_ZERO } from '@tinykv/base';
import type { KeyError, RegionError, RegionView } from '@tinykv/model';
import { type Answer, keyTooLong, type LatchedCommands } from './latched-commands.js';
import { type Collect, collect } from './mvcc/gc.js';
import { type OldPage, readOldPage } from './mvcc/gc-scan.js';
import { isKeyTooLong, locationRange, withSnapshot } from './region-read.js';
import type { TxnContext } from './requests.js';

export interface CollectRequest {
  readonly safePoint: Timestamp;
  /** Where to begin in the Region; empty: at its start. */
  readonly startKey: Uint8Array;
}

export interface Collected {
  /** Where the next page begins; undefined: the Region is done. */
  readonly nextKey: Uint8Array | undefined;
  readonly versions: number;
}

/** Up to where locks are resolved in the whole cluster, as the scheduler says. */
export type ResolvedUpTo = () => Promise<Timestamp>;

const TO_END = new Uint8Array(0);

/**
 * The collection of old versions, page by page. A page is a command as any other: it takes the latches of its keys,
 * decides from what it reads under them, and goes through the log, so that all replicas drop the same.
 */
export class GcCommands {
  readonly #commands: LatchedCommands;
  readonly #resolvedUpTo: ResolvedUpTo;
  #resolved: Timestamp = TS_ZERO;

  constructor(commands: LatchedCommands, resolvedUpTo: ResolvedUpTo) {
    this.#commands = commands;
    this.#resolvedUpTo = resolvedUpTo;
  }

  /** One page of a Region. Refused while transactions from before the safe point may still have locks, anywhere. */
  async collect(context: TxnContext, request: CollectRequest): Answer<Result<Collected, KeyError>> {
    const { safePoint, startKey } = request;
    if (isKeyTooLong(startKey)) return ok(err(keyTooLong(startKey)));
    if (safePoint > this.#resolved) this.#resolved = await this.#resolvedUpTo();
    if (safePoint > this.#resolved) {
      const message = `locks are resolved up to ${this.#resolved}, not up to ${safePoint}`;
      return ok(err({ type: 'abort', message }));
    }
    const { access } = this.#commands;
    const view = await access.acquireRead(context, startKey.length === 0 ? [] : [startKey]);
    if (!view.ok) return view;
    const page = await this.#readPage(view.value, request);
    if (!page.ok) return page;
    const keys = page.value.keys.flatMap((facts) =>
      collect(facts, safePoint) === undefined ? [] : [facts.key],
    );
    if (keys.length === 0) return ok(ok({ nextKey: page.value.next, versions: 0 }));
    return this.#commands.latched(context, keys, async (latched) => {
      const again = await this.#readPage(latched, request);
      if (!again.ok) return again;
      const names = new Set(keys.map(keyString));
      const modifies = again.value.keys.flatMap((facts) => {
        const modify = names.has(keyString(facts.key)) ? collect(facts, safePoint) : undefined;
        return modify === undefined ? [] : [modify];
      });
      const answer = { nextKey: again.value.next, versions: countVersions(modifies) };
      const settled = await this.#commands.settle(context, latched, keys, { modifies, answer });
      if (!settled.ok) return settled;
      const isMarked = modifies.length === 0 || latched.safePoint >= safePoint;
      assert(isMarked, 'versions are gone that readers may still ask for');
      return ok(settled);
    });
  }

  async #readPage(
    view: RegionView,
    { safePoint, startKey }: CollectRequest,
  ): Promise<Result<OldPage, RegionError>> {
    const { api } = this.#commands.access;
    const range = locationRange(api, startKey, TO_END, view.region.range);
    if (range === undefined) return ok({ keys: [], next: undefined });
    return withSnapshot(view, (snapshot) => readOldPage(snapshot, api, range, safePoint));
  }
}

function countVersions(modifies: readonly Collect[]): number {
  return modifies.reduce((sum, m) => sum + m.writes.length + (m.newest ? 1 : 0), 0);
}
