import type { Peer } from '@tinykv/model';
import {
  canSpare,
  chooseTarget,
  compareLoad,
  isDown,
  isHealthyVoter,
  isReachable,
} from './filters.js';
import { isLowOnSpace } from './space.js';
import type { ClusterView, Plan, PolicyConfig, RegionInfo, StoreView } from './view.js';

/**
 * Gives a Region `maxReplicas` voters on distinct stores that are up: one step at a time, the most
 * pressing first. A new peer always comes before the old one goes, and nothing goes that the quorum
 * needs.
 */
export function checkReplicas(
  view: ClusterView,
  region: RegionInfo,
  config: PolicyConfig,
): Plan | undefined {
  if (region.leader === undefined) return undefined;
  // A learner or an extra peer is the running operator's; a lost peer does not wait for its end.
  if (view.isBalancing(region.id)) return replaceLost(view, region, config);
  if (view.hasOperator(region.id)) return undefined;
  return (
    finishLearner(view, region, config) ??
    replaceLost(view, region, config) ??
    addMissing(view, region, config) ??
    removeExtra(view, region, config)
  );
}

/**
 * A learner is what an operator left behind that ran out of time: promote it, also in place of a voter that is lost, or
 * drop it if it is lost itself or not needed.
 */
function finishLearner(
  view: ClusterView,
  region: RegionInfo,
  config: PolicyConfig,
): Plan | undefined {
  const learner = region.region.peers.find((peer) => peer.learner);
  if (learner === undefined) return undefined;
  const kept = voters(region).filter((peer) => !isLost(view, peer, config));
  if (isLost(view, learner, config) || kept.length >= view.maxReplicas) {
    return { type: 'remove-peer', region, from: learner.storeId };
  }
  const store = view.store(learner.storeId);
  const isConnected = store !== undefined && isReachable(store, config);
  const isCaughtUp = isHealthyVoter(region, { ...learner, learner: false });
  if (isConnected) return isCaughtUp ? { type: 'promote-peer', region, peer: learner } : undefined;
  // It would keep the Region from another peer; one that has caught up may be worth waiting for.
  return isCaughtUp ? undefined : { type: 'remove-peer', region, from: learner.storeId };
}

/** On a store that is drained, gone, unknown, or silent for too long, or damaged there. */
function isLost(view: ClusterView, peer: Peer, config: PolicyConfig): boolean {
  const store = view.store(peer.storeId);
  if (store === undefined || store.state !== 'up' || isDown(store, config)) return true;
  return isDamaged(view, peer);
}

function isDamaged(view: ClusterView, peer: Peer): boolean {
  return view.store(peer.storeId)?.damagedPeers.includes(peer.id) === true;
}

function replaceLost(
  view: ClusterView,
  region: RegionInfo,
  config: PolicyConfig,
): Plan | undefined {
  for (const peer of region.region.peers) {
    if (!isLost(view, peer, config)) continue;
    if (voters(region).length > view.maxReplicas) {
      if (canSpare(region, peer.storeId)) {
        return { type: 'remove-peer', region, from: peer.storeId };
      }
      continue;
    }
    const target = chooseTarget(view, region, config);
    if (target !== undefined) {
      return { type: 'move-peer', region, from: peer.storeId, to: target.id };
    }
    // Its store is sound, and takes the new peer if no other does: the old one has to go first.
    if (isDamaged(view, peer) && canSpare(region, peer.storeId)) {
      return { type: 'remove-peer', region, from: peer.storeId };
    }
  }
  return undefined;
}

function addMissing(view: ClusterView, region: RegionInfo, config: PolicyConfig): Plan | undefined {
  if (region.region.peers.length >= view.maxReplicas) return undefined;
  const target = chooseTarget(view, region, config);
  return target && { type: 'add-peer', region, to: target.id };
}

function removeExtra(
  view: ClusterView,
  region: RegionInfo,
  config: PolicyConfig,
): Plan | undefined {
  if (voters(region).length <= view.maxReplicas) return undefined;
  const spare = voters(region)
    .filter((peer) => canSpare(region, peer.storeId))
    .sort((a, b) => compareWorth(view, region, config, a, b));
  return spare[0] && { type: 'remove-peer', region, from: spare[0].storeId };
}

/** The peer that is missed least comes first: unhealthy, then on a store short of space, on the fullest, the leader last. */
function compareWorth(
  view: ClusterView,
  region: RegionInfo,
  config: PolicyConfig,
  a: Peer,
  b: Peer,
): number {
  const healthy = Number(isHealthyVoter(region, a)) - Number(isHealthyVoter(region, b));
  if (healthy !== 0) return healthy;
  const leads = Number(region.leader?.id === a.id) - Number(region.leader?.id === b.id);
  const [storeA, storeB] = [view.store(a.storeId), view.store(b.storeId)];
  return byLoad(storeB, storeA, config) || leads || a.id - b.id;
}

function byLoad(a: StoreView | undefined, b: StoreView | undefined, config: PolicyConfig): number {
  if (a === undefined || b === undefined) return 0;
  const low = Number(isLowOnSpace(a, config)) - Number(isLowOnSpace(b, config));
  return low || compareLoad(a, b);
}

function voters(region: RegionInfo): readonly Peer[] {
  return region.region.peers.filter((peer) => !peer.learner);
}
