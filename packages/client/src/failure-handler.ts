import type { Counter, Env, KvError } from '@tinykv/base';
import type { Peer, RegionError } from '@tinykv/model';
import type { BackoffKind } from './backoff.js';
import { EntryTooLargeError, RequestError } from './errors.js';
import { answerInTime, isPassing, isTooMuch, type Operation, undetermined } from './operation.js';
import type { CachedRegion, RegionCache } from './region-cache.js';
import type { StoreStreams } from './store-streams.js';

/** How to go on after an attempt that failed. */
export interface NextStep {
  /** The Region is not what it was taken for: find out again which one holds the keys. */
  readonly relocate: boolean;
  /** Undefined: at once, because something was learned that rules out an endless loop. */
  readonly pause: BackoffKind | undefined;
}

/** How long an attempt waits for the scheduler to say where to go. */
export const LOOKUP_TIMEOUT_MS = 1_000;

/** Learns from attempts that failed where the Region and its leader are, and says how to go on. */
export class FailureHandler {
  readonly #env: Env;
  readonly #cache: RegionCache;
  readonly #stores: StoreStreams;
  readonly #schedulerAway: () => KvError | undefined;
  readonly #errors = new Map<string, Counter>();

  /** `schedulerAway`: why asking the scheduler is in vain. */
  constructor(
    env: Env,
    cache: RegionCache,
    stores: StoreStreams,
    schedulerAway: () => KvError | undefined = () => undefined,
  ) {
    this.#schedulerAway = schedulerAway;
    this.#env = env;
    this.#cache = cache;
    this.#stores = stores;
  }

  /** The request did not reach the Region, or its answer did not reach us. */
  async onFailure(
    region: CachedRegion,
    peer: Peer,
    error: KvError,
    operation: Operation,
  ): Promise<NextStep> {
    if (error instanceof RequestError) {
      if (error.outcome === 'unknown') {
        operation.maybeApplied = true;
        if (operation.effect === 'once') throw undetermined(error);
      }
      if (isTooMuch(error)) return { relocate: false, pause: 'server-busy' };
      this.#stores.suspect(peer.storeId);
    } else if (error.code === 'NOT_FOUND' || error.code === 'UNKNOWN') {
      // The scheduler does not know the store any more, so the Region has other peers by now.
      this.#cache.invalidate(region);
      return { relocate: true, pause: 'region-miss' };
    }
    return this.#tryNext(region, peer, 'store-unreachable', operation);
  }

  async #tryNext(
    region: CachedRegion,
    failed: Peer,
    pause: BackoffKind,
    operation: Operation,
  ): Promise<NextStep> {
    if (!region.tryNext(failed)) await this.#refresh(region, operation);
    return { relocate: !this.#cache.isCurrent(region), pause };
  }

  /** All peers were tried in vain: the Region may have others by now. A scheduler that is down changes nothing. */
  async #refresh(region: CachedRegion, operation: Operation): Promise<void> {
    if (this.#schedulerAway() !== undefined) return;
    try {
      const loading = this.#cache.load(region.range.start);
      await answerInTime(this.#env.clock, operation, loading, LOOKUP_TIMEOUT_MS);
    } catch (error) {
      if (!isPassing(error)) throw error;
    }
  }

  async onRegionError(
    region: CachedRegion,
    peer: Peer,
    error: RegionError,
    operation: Operation,
  ): Promise<NextStep> {
    this.#count(error);
    switch (error.type) {
      case 'not-leader':
        if (error.leader === undefined) {
          return this.#tryNext(region, peer, 'no-leader', operation);
        }
        if (region.followHint(peer, error.leader)) {
          return { relocate: false, pause: 'update-leader' };
        }
        this.#cache.invalidate(region);
        return { relocate: true, pause: 'region-miss' };
      case 'epoch-not-match':
        if (error.currentRegions.length === 0) {
          this.#cache.invalidate(region);
          return { relocate: true, pause: 'region-miss' };
        }
        if (this.#cache.update(error.currentRegions, peer.storeId)) {
          return { relocate: true, pause: undefined };
        }
        // Either another request has learned it already, or the store is behind what another one said and
        // its peers may know more.
        region.tryNext(peer);
        return { relocate: !this.#cache.isCurrent(region), pause: 'region-miss' };
      case 'store-not-match':
        this.#stores.suspect(peer.storeId);
        return { relocate: false, pause: 'store-not-match' };
      case 'stale-command':
        return { relocate: false, pause: 'stale-command' };
      case 'server-is-busy':
        return { relocate: false, pause: 'server-busy' };
      case 'raft-entry-too-large':
        throw new EntryTooLargeError(error.entryBytes);
      case 'region-not-found':
      case 'key-not-in-region':
      case 'other':
        this.#cache.invalidate(region);
        return { relocate: true, pause: 'region-miss' };
    }
  }

  #count({ type }: RegionError): void {
    let counter = this.#errors.get(type);
    if (counter === undefined) {
      const help = 'Region errors that stores answered';
      counter = this.#env.metrics.counter('tinykv_client_region_errors_total', help, { type });
      this.#errors.set(type, counter);
    }
    counter.add();
  }
}
