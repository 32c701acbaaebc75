import type { RegionId, StoreId } from '@tinykv/base';
import type { CachedRegion } from './region-cache.js';

interface Outage {
  /** Monotonic milliseconds: when the first attempt of it was sent, and when the last one failed. */
  readonly sinceMono: number;
  /** When the first attempt was sent since a store of the Region answered anything. */
  silentSinceMono: number;
  lastMono: number;
  /** Stores on which attempts have failed. */
  readonly stores: Set<StoreId>;
}

/** No store of the Region answers for this long: it is away. */
export const SILENT_MS = 2_000;
/** Stores answer that nobody leads: longer than elections take, even a few in a row. */
const LEADERLESS_MS = 6_000;
/** Patience with a Region that is away, and with one that may be. */
const TRY_MS = 300;
const SUSPECT_MS = 1_000;
/** Failures further apart do not belong to one outage: nobody has tried in between. */
const GAP_MS = 4_000;

/** Knows the Regions that nobody serves, so that not every operation finds it out for itself. */
export class RegionOutages {
  readonly #outages = new Map<RegionId, Outage>();

  get any(): boolean {
    return this.#outages.size > 0;
  }

  served(region: RegionId): void {
    this.#outages.delete(region);
  }

  /** An attempt that was sent at `sentMono` has failed; `answered`: the store said that nobody leads. */
  failed(
    region: RegionId,
    store: StoreId,
    at: { readonly sentMono: number; readonly nowMono: number; readonly answered: boolean },
  ): void {
    const { sentMono, nowMono, answered } = at;
    let outage = this.#outages.get(region);
    if (outage === undefined || nowMono - outage.lastMono > GAP_MS) {
      const sinceMono = Math.max(sentMono, nowMono - GAP_MS);
      outage = { sinceMono, silentSinceMono: sinceMono, lastMono: nowMono, stores: new Set() };
      this.#outages.set(region, outage);
    }
    outage.stores.add(store);
    outage.lastMono = nowMono;
    if (answered) outage.silentSinceMono = nowMono;
  }

  /**
   * How long to wait for an answer, at most `usualMs`: the other voters of a Region whose leader is silent are asked one
   * after the other, and a Region that is away is only tried.
   */
  patienceMs(region: CachedRegion, nowMono: number, usualMs: number): number {
    if (!this.#outages.has(region.id)) return usualMs;
    return Math.min(usualMs, this.isAway(region, nowMono) ? TRY_MS : SUSPECT_MS);
  }

  /** Whether waiting for the Region is in vain: every voter was tried, and none has served for long. */
  isAway({ id, region }: CachedRegion, nowMono: number): boolean {
    const outage = this.#outages.get(id);
    if (outage === undefined || nowMono - outage.lastMono > GAP_MS) return false;
    const voters = region.peers.filter(({ learner }) => !learner);
    if (!voters.every(({ storeId }) => outage.stores.has(storeId))) return false;
    const { sinceMono, silentSinceMono } = outage;
    return nowMono - silentSinceMono >= SILENT_MS || nowMono - sinceMono >= LEADERLESS_MS;
  }
}
