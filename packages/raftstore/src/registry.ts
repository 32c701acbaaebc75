import { assert, type RegionId, type StoreId } from '@tinykv/base';
import { type ApiMode, type KeyRange, type Region, RegionMap, rangesOverlap } from '@tinykv/model';
import type { PeerDirectory } from './context-check.js';
import type { Peer } from './peer.js';

/**
 * The peers of this store by Region, and the ranges that they occupy. A range stays occupied while its
 * peer's data is being removed, and from the moment that a snapshot for it is accepted.
 */
export class PeerRegistry implements PeerDirectory {
  readonly storeId: StoreId;
  readonly api: ApiMode;
  readonly peers: Map<RegionId, Peer> = new Map();
  /** Those that know nothing of their Region yet. */
  readonly uninitialized: Set<RegionId> = new Set();
  readonly ranges: RegionMap<Region> = new RegionMap<Region>();
  /** Regions whose peer here is being destroyed. */
  readonly destroying: Set<RegionId> = new Set();
  /** Children of a split that is durable, until their peers here are there. */
  readonly creating: Set<RegionId> = new Set();
  /** Ranges promised to snapshots that are not installed yet. */
  readonly reserved: Map<RegionId, KeyRange> = new Map();
  /** Ranges that are being destroyed: no snapshot is taken for them meanwhile. */
  readonly clearing: Set<KeyRange> = new Set();

  constructor(storeId: StoreId, api: ApiMode) {
    this.storeId = storeId;
    this.api = api;
  }

  add(peer: Peer): void {
    assert(!this.peers.has(peer.region.id), () => `region ${peer.region.id} has a peer here`);
    this.peers.set(peer.region.id, peer);
    if (peer.initialized) this.ranges.set(peer.region);
    else this.uninitialized.add(peer.region.id);
  }

  remove(id: RegionId): void {
    this.peers.delete(id);
    this.uninitialized.delete(id);
  }

  setRegion(peer: Peer, region: Region): void {
    // A peer that is being destroyed ends what it is applying first, and keeps its range until then.
    assert(
      this.peers.get(region.id) === peer || this.destroying.has(region.id),
      () => `region ${region.id} has another peer here`,
    );
    assert(
      region.epoch.version >= peer.region.epoch.version &&
        region.epoch.confVer >= peer.region.epoch.confVer,
      () => `epoch of region ${region.id} goes back`,
    );
    peer.setRegion(region);
    this.uninitialized.delete(region.id);
    this.ranges.set(region);
  }

  isBeingCleared(range: KeyRange): boolean {
    return [...this.clearing].some((clearing) => rangesOverlap(clearing, range));
  }

  /** Whether a range would lie over that of another Region, or over one promised to a snapshot. */
  isOccupied(range: KeyRange, exceptRegion: RegionId): boolean {
    if (this.ranges.overlapping(range).some((region) => region.id !== exceptRegion)) return true;
    for (const [id, reserved] of this.reserved) {
      if (id !== exceptRegion && rangesOverlap(reserved, range)) return true;
    }
    return false;
  }
}
