import { assert, type Rng, type StoreId } from '@tinykv/base';
import { type Peer, type Region, RegionMap, type RegionReport } from '@tinykv/model';
import type { PeerRole, RegionInfo } from './policy/view.js';

const MIB = 1_048_576;

export function regionInfo(report: RegionReport): RegionInfo {
  const { region, leader, term, pendingPeers, downPeers } = report;
  const { approximateBytes, approximateKeys } = report;
  return {
    id: region.id,
    range: region.range,
    region,
    leader,
    term,
    pendingPeers,
    downPeers,
    approximateBytes,
    approximateKeys,
    size: Math.max(1, Math.floor(approximateBytes / MIB)),
  };
}

/** A Region as its bootstrap described it, until its leader reports. */
export function unreportedRegion(region: Region): RegionInfo {
  return {
    id: region.id,
    range: region.range,
    region,
    leader: undefined,
    term: 0,
    pendingPeers: [],
    downPeers: [],
    approximateBytes: 0,
    approximateKeys: 0,
    size: 1,
  };
}

/** Sums over the Regions that have a peer on one store. */
export interface StoreCounts {
  readonly regionCount: number;
  readonly regionSize: number;
  readonly leaderCount: number;
  readonly leaderSize: number;
  readonly pendingCount: number;
  /** Bytes of the Regions whose peers there are pending. */
  readonly pendingBytes: number;
  readonly approximateBytes: number;
}

const NO_COUNTS: StoreCounts = {
  regionCount: 0,
  regionSize: 0,
  leaderCount: 0,
  leaderSize: 0,
  pendingCount: 0,
  pendingBytes: 0,
  approximateBytes: 0,
};

/** A set that gives a random element in constant time. */
class RandomSet {
  readonly #items: number[] = [];
  readonly #places = new Map<number, number>();

  get size(): number {
    return this.#items.length;
  }

  add(item: number): void {
    assert(!this.#places.has(item), () => `region ${item} is in the set`);
    this.#places.set(item, this.#items.length);
    this.#items.push(item);
  }

  delete(item: number): void {
    const place = this.#places.get(item);
    assert(place !== undefined, () => `region ${item} is not in the set`);
    this.#places.delete(item);
    const last = this.#items.pop()!;
    if (last === item) return;
    this.#items[place] = last;
    this.#places.set(last, place);
  }

  random(rng: Rng): number | undefined {
    return this.#items[rng.int(0, this.#items.length)];
  }
}

/** What one store has; kept in step with the Regions by add and remove of whole Regions. */
class StoreRegions {
  readonly roles: Record<PeerRole, RandomSet> = {
    leader: new RandomSet(),
    follower: new RandomSet(),
    pending: new RandomSet(),
  };
  readonly counts: { -readonly [K in keyof StoreCounts]: StoreCounts[K] } = { ...NO_COUNTS };

  change(region: RegionInfo, peer: Peer, sign: 1 | -1): void {
    const { counts } = this;
    const isPending = region.pendingPeers.some((pending) => pending.id === peer.id);
    const isLeader = region.leader?.id === peer.id;
    counts.regionCount += sign;
    counts.regionSize += sign * region.size;
    counts.approximateBytes += sign * region.approximateBytes;
    if (isPending) {
      counts.pendingCount += sign;
      counts.pendingBytes += sign * region.approximateBytes;
    }
    if (isLeader) {
      counts.leaderCount += sign;
      counts.leaderSize += sign * region.size;
    }
    const set = this.roles[isLeader ? 'leader' : isPending ? 'pending' : 'follower'];
    if (sign === 1) set.add(region.id);
    else set.delete(region.id);
  }
}

/** The Regions by id and by range, and what each store has of them. */
export class RegionIndex {
  readonly #map = new RegionMap<RegionInfo>();
  readonly #stores = new Map<StoreId, StoreRegions>();

  get size(): number {
    return this.#map.size;
  }

  get(id: number): RegionInfo | undefined {
    return this.#map.get(id);
  }

  /** In key order; do not change the index while iterating. */
  values(): readonly RegionInfo[] {
    return this.#map.values();
  }

  find(key: Uint8Array): RegionInfo | undefined {
    return this.#map.find(key);
  }

  /** The Region that ends where the one with this key begins. */
  findPrevious(key: Uint8Array): RegionInfo | undefined {
    const region = this.#map.find(key);
    return region && this.#map.findPrevious(region.range.start);
  }

  /** The Region of the key, or the next one. */
  findFrom(key: Uint8Array): RegionInfo | undefined {
    return this.#map.findFrom(key);
  }

  scan(start: Uint8Array, end: Uint8Array, limit: number): readonly RegionInfo[] {
    return this.#map.scan(start, end, limit);
  }

  overlapping(region: RegionInfo): readonly RegionInfo[] {
    return this.#map.overlapping(region.range);
  }

  /** Puts a Region in place of its former self and of all that it overlaps; returns what went. */
  put(region: RegionInfo): readonly RegionInfo[] {
    const gone = this.#map.replaceOverlapping(region);
    for (const former of gone) this.#count(former, -1);
    this.#count(region, 1);
    return gone;
  }

  counts(storeId: StoreId): StoreCounts {
    return this.#stores.get(storeId)?.counts ?? NO_COUNTS;
  }

  randomRegion(storeId: StoreId, role: PeerRole, rng: Rng): RegionInfo | undefined {
    const set = this.#stores.get(storeId)?.roles[role];
    const id = set === undefined || set.size === 0 ? undefined : set.random(rng);
    return id === undefined ? undefined : this.#map.get(id);
  }

  #count(region: RegionInfo, sign: 1 | -1): void {
    for (const peer of region.region.peers) {
      let store = this.#stores.get(peer.storeId);
      if (store === undefined) {
        store = new StoreRegions();
        this.#stores.set(peer.storeId, store);
      }
      store.change(region, peer, sign);
    }
  }
}
