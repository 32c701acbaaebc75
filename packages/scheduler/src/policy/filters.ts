import type { StoreId } from '@tinykv/base';
import { findPeerOnStore, type Peer } from '@tinykv/model';
import { hasRoomFor, isLowOnSpace } from './space.js';
import type { ClusterView, PolicyConfig, RegionInfo, StoreView } from './view.js';

/** Its peers are taken for lost: they are replaced, and nothing is moved from it. */
export function isDown(store: StoreView, config: PolicyConfig): boolean {
  return store.silentMs > config.maxStoreDownMs;
}

/** May give away Regions for the sake of balance. */
export function isBalanceSource(store: StoreView, config: PolicyConfig): boolean {
  return store.state === 'up' && !isDown(store, config);
}

/** May take a new peer. */
export function isPeerTarget(store: StoreView, config: PolicyConfig): boolean {
  return isLeaderTarget(store, config) && store.pendingPeerCount <= config.pendingPeersMax;
}

/** May take leaders. */
export function isLeaderTarget(store: StoreView, config: PolicyConfig): boolean {
  return store.state === 'up' && isReachable(store, config) && !store.isBusy;
}

/** Answers to operators can be hoped for. */
export function isReachable(store: StoreView, config: PolicyConfig): boolean {
  return store.silentMs <= config.storeDisconnectedMs && !isDown(store, config);
}

/**
 * The best store for a new peer of the Region: of those that hold none and have room, the one with the least data.
 * One that is low on space is the last resort: a replica is worth more than what is left of a disk.
 */
export function chooseTarget(
  view: ClusterView,
  region: RegionInfo,
  config: PolicyConfig,
): StoreView | undefined {
  let best: StoreView | undefined;
  const isLow = (store: StoreView): number => Number(isLowOnSpace(store, config));
  for (const store of view.stores()) {
    if (!isPeerTarget(store, config) || holds(region, store.id)) continue;
    if (!hasRoomFor(store, region, config)) continue;
    if (best === undefined || (isLow(store) - isLow(best) || compareLoad(store, best)) < 0) {
      best = store;
    }
  }
  return best;
}

/** By data, then by number of Regions, then by id: a total order, so that choices are deterministic. */
export function compareLoad(a: StoreView, b: StoreView): number {
  return a.regionSize - b.regionSize || a.regionCount - b.regionCount || a.id - b.id;
}

export function holds(region: RegionInfo, storeId: StoreId): boolean {
  return findPeerOnStore(region.region, storeId) !== undefined;
}

function isListed(list: readonly Peer[], peer: Peer): boolean {
  return list.some((listed) => listed.id === peer.id);
}

/** A voter that has the log and answers. */
export function isHealthyVoter(region: RegionInfo, peer: Peer): boolean {
  return !peer.learner && !isListed(region.pendingPeers, peer) && !isListed(region.downPeers, peer);
}

/** All peers are there and caught up. */
export function isHealthy(region: RegionInfo): boolean {
  return region.pendingPeers.length === 0 && region.downPeers.length === 0;
}

/**
 * True when the Region keeps a quorum of healthy voters without its peer on this store. A learner may
 * always go.
 */
export function canSpare(region: RegionInfo, storeId: StoreId): boolean {
  if (findPeerOnStore(region.region, storeId)?.learner === true) return true;
  const rest = region.region.peers.filter((peer) => peer.storeId !== storeId && !peer.learner);
  const healthy = rest.filter((peer) => isHealthyVoter(region, peer)).length;
  return healthy >= Math.floor(rest.length / 2) + 1;
}

/** A peer that can lead at once in place of the one on this store; `canLead`: its store is up and connected. */
export function findHeir(
  region: RegionInfo,
  leaving: StoreId,
  canLead: (storeId: StoreId) => boolean,
): Peer | undefined {
  return region.region.peers.find(
    (peer) => peer.storeId !== leaving && isHealthyVoter(region, peer) && canLead(peer.storeId),
  );
}
