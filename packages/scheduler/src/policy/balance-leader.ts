import type { Rng } from '@tinykv/base';
import { findPeerOnStore, type Peer } from '@tinykv/model';
import { isDown, isHealthy, isLeaderTarget, isReachable } from './filters.js';
import type { ClusterView, Plan, PolicyConfig, RegionInfo, StoreView } from './view.js';

/** Regions that are looked at per store before the next one. */
const TRIES = 10;

/**
 * Evens out the number of leaders, looking from both ends: away from the store with most, towards the
 * store with least. A transfer is worth it when the difference is at least `leaderTolerance`: 2 is the
 * least that lets no leader go back and forth; TinyKV has 10.
 */
export function balanceLeader(view: ClusterView, rng: Rng, config: PolicyConfig): Plan | undefined {
  const stores = view.stores();
  const sources = stores
    .filter((store) => isLeaderSource(store, config))
    .sort((a, b) => b.leaderCount - a.leaderCount || a.id - b.id);
  const targets = stores
    .filter((store) => isLeaderTarget(store, config))
    .sort((a, b) => a.leaderCount - b.leaderCount || a.id - b.id);
  for (let i = 0; i < Math.max(sources.length, targets.length); i++) {
    const source = sources[i];
    const target = targets[i];
    const plan =
      (source && transferAway(view, source, targets, rng, config)) ??
      (target && transferTo(view, target, rng, config));
    if (plan !== undefined) return plan;
  }
  return undefined;
}

/** A store that is being drained still gives leaders away. */
function isLeaderSource(store: StoreView, config: PolicyConfig): boolean {
  return store.state !== 'tombstone' && isReachable(store, config) && !isDown(store, config);
}

function transferAway(
  view: ClusterView,
  source: StoreView,
  targets: readonly StoreView[],
  rng: Rng,
  config: PolicyConfig,
): Plan | undefined {
  for (let i = 0; i < TRIES; i++) {
    const region = view.randomRegion(source.id, 'leader', rng);
    if (region === undefined) return undefined;
    if (!isMovable(view, region)) continue;
    const target = targets.find((store) => canLead(region, store));
    if (target !== undefined && isWorthIt(source, target, config)) {
      return { type: 'transfer-leader', region, from: source.id, to: target.id };
    }
  }
  return undefined;
}

function transferTo(
  view: ClusterView,
  target: StoreView,
  rng: Rng,
  config: PolicyConfig,
): Plan | undefined {
  for (let i = 0; i < TRIES; i++) {
    const region = view.randomRegion(target.id, 'follower', rng);
    if (region === undefined) return undefined;
    if (!isMovable(view, region) || !canLead(region, target)) continue;
    const source = region.leader && view.store(region.leader.storeId);
    if (source === undefined || !isLeaderSource(source, config)) continue;
    if (isWorthIt(source, target, config)) {
      return { type: 'transfer-leader', region, from: source.id, to: target.id };
    }
  }
  return undefined;
}

function isMovable(view: ClusterView, region: RegionInfo): boolean {
  return isHealthy(region) && !view.hasOperator(region.id);
}

function canLead(region: RegionInfo, store: StoreView): boolean {
  const peer: Peer | undefined = findPeerOnStore(region.region, store.id);
  return peer !== undefined && !peer.learner && peer.id !== region.leader?.id;
}

function isWorthIt(source: StoreView, target: StoreView, config: PolicyConfig): boolean {
  return source.leaderCount - target.leaderCount >= config.leaderTolerance;
}
