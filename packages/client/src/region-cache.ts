import { assert, keyString, limits, type RegionId } from '@tinykv/base';
import {
  equalEpochs,
  findPeerOnStore,
  isEpochStale,
  type Peer,
  type Region,
  RegionMap,
  type RegionWithLeader,
  type SchedulerApi,
} from '@tinykv/model';

/** A Region as this client believes it to be, and the peer that it takes for the leader. */
export class CachedRegion {
  readonly region: Region;
  readonly id: RegionId;
  readonly range: Region['range'];
  /** Peers that can lead, in the Region's order; never empty. */
  readonly #voters: readonly Peer[];
  #leader: Peer;

  constructor(region: Region, leader: Peer | undefined) {
    const voters = region.peers.filter((peer) => !peer.learner);
    const first = voters[0];
    assert(first !== undefined, () => `region ${region.id} has no voters`);
    this.region = region;
    this.id = region.id;
    this.range = region.range;
    this.#voters = voters;
    this.#leader = voters.find((peer) => peer.id === leader?.id) ?? first;
  }

  get leader(): Peer {
    return this.#leader;
  }

  /** Takes the peer on this store for the leader. False: the Region as it is known has none there. */
  followHint(failed: Peer, hint: Peer): boolean {
    const peer = this.#voters.find((voter) => voter.storeId === hint.storeId);
    if (peer === undefined) return false;
    if (this.#leader === failed) this.#leader = peer;
    return true;
  }

  /**
   * Tries the next peer, unless another request has moved on from this one already. False: that was the
   * last one, and the Region may have others by now.
   */
  tryNext(failed: Peer): boolean {
    if (this.#leader !== failed) return true;
    const next = (this.#voters.indexOf(failed) + 1) % this.#voters.length;
    this.#leader = this.#voters[next]!;
    return next !== 0;
  }
}

export type RegionSource = Pick<SchedulerApi, 'getRegion'>;

/**
 * What the client knows of Regions, by location key. Nothing expires: a store refuses what does not fit
 * its Region's epoch, and that answer corrects the cache.
 */
export class RegionCache {
  readonly #source: RegionSource;
  readonly #onRegion: (region: Region) => void;
  readonly #map = new RegionMap<CachedRegion>();
  readonly #loading = new Map<string, Promise<CachedRegion | undefined>>();

  /** `onRegion` hears of each Region that the scheduler or a store has told. */
  constructor(source: RegionSource, onRegion: (region: Region) => void = () => undefined) {
    this.#source = source;
    this.#onRegion = onRegion;
  }

  find(location: Uint8Array): CachedRegion | undefined {
    return this.#map.find(location);
  }

  /** True while this object is what the cache holds. */
  isCurrent(cached: CachedRegion): boolean {
    return this.#map.get(cached.id) === cached;
  }

  /** Asks the scheduler; questions for the same key share one call. Undefined: it knows none there (yet). */
  load(location: Uint8Array): Promise<CachedRegion | undefined> {
    const key = keyString(location);
    const running = this.#loading.get(key);
    if (running !== undefined) return running;
    const loading = this.#source
      .getRegion(location)
      .then((found) => {
        const adopted = this.adopt(found);
        return this.find(location) ?? adopted;
      })
      .finally(() => this.#loading.delete(key));
    this.#loading.set(key, loading);
    return loading;
  }

  /**
   * Takes in what the scheduler says. A Region older than what is known is returned without being kept:
   * the store's answer to a request for it brings the present ones.
   */
  adopt(found: RegionWithLeader | undefined): CachedRegion | undefined {
    if (found === undefined || !found.region.peers.some((peer) => !peer.learner)) return undefined;
    const cached = new CachedRegion(found.region, found.leader);
    this.#insert(cached);
    return cached;
  }

  /** Takes in the Regions of an epoch-not-match answer from `storeId`. False: nothing in them was new. */
  update(regions: readonly Region[], storeId: number): boolean {
    let changed = false;
    for (const region of regions) {
      if (!region.peers.some((peer) => !peer.learner)) continue;
      const known = this.#map.get(region.id);
      if (known !== undefined && equalEpochs(known.region.epoch, region.epoch)) continue;
      if (this.#insert(new CachedRegion(region, findPeerOnStore(region, storeId)))) changed = true;
    }
    return changed;
  }

  invalidate(cached: CachedRegion): void {
    if (this.isCurrent(cached)) this.#map.delete(cached.id);
  }

  /** Of Regions that overlap the one with the greater version is newer: both sides of a split have it. */
  #insert(cached: CachedRegion): boolean {
    const known = this.#map.get(cached.id);
    if (known !== undefined && isEpochStale(cached.region.epoch, known.region.epoch)) return false;
    const { version } = cached.region.epoch;
    for (const other of this.#map.overlapping(cached.range)) {
      if (other.id !== cached.id && other.region.epoch.version > version) return false;
    }
    if (this.#map.size >= limits.clientRegionsMax) this.#map.clear();
    this.#map.replaceOverlapping(cached);
    this.#onRegion(cached.region);
    return true;
  }
}
