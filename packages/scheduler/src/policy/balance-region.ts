import type { Rng } from '@tinykv/base';
import { chooseTarget, compareLoad, isBalanceSource } from './filters.js';
import type { ClusterView, PeerRole, Plan, PolicyConfig, RegionInfo, StoreView } from './view.js';

/** Regions that are looked at per source before the next one. */
const TRIES = 10;

/** Pending peers first: they have the least to lose. Leaders last: they have to be led away before. */
const ROLES: readonly PeerRole[] = ['pending', 'follower', 'leader'];

/**
 * Moves a peer from a store with much data to one with little, if that makes them more even by more
 * than it could make them uneven (TinyKV's rule): the difference must exceed twice the Region's size.
 */
export function balanceRegion(view: ClusterView, rng: Rng, config: PolicyConfig): Plan | undefined {
  const sources = view
    .stores()
    .filter((store) => isBalanceSource(store, config))
    .sort((a, b) => compareLoad(b, a));
  for (const source of sources) {
    for (let i = 0; i < TRIES; i++) {
      const region = pickRegion(view, source, rng);
      if (region === undefined) break;
      const target = worthwhileTarget(view, region, source, config);
      if (target !== undefined) {
        return { type: 'move-peer', region, from: source.id, to: target.id };
      }
    }
  }
  return undefined;
}

function pickRegion(view: ClusterView, source: StoreView, rng: Rng): RegionInfo | undefined {
  for (const role of ROLES) {
    const region = view.randomRegion(source.id, role, rng);
    if (region !== undefined) return region;
  }
  return undefined;
}

function worthwhileTarget(
  view: ClusterView,
  region: RegionInfo,
  source: StoreView,
  config: PolicyConfig,
): StoreView | undefined {
  // A Region with too few or too many peers is the replica checker's.
  if (region.region.peers.length !== view.maxReplicas || view.hasOperator(region.id)) {
    return undefined;
  }
  const target = chooseTarget(view, region, config);
  if (target === undefined) return undefined;
  return source.regionSize - target.regionSize > 2 * region.size ? target : undefined;
}
