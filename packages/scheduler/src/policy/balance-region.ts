import type { Rng } from '@tinykv/base';
import { chooseTarget, compareLoad, isBalanceSource } from './filters.js';
import { hasAmpleSpace, isLowOnSpace } from './space.js';
import type { ClusterView, PeerRole, Plan, PolicyConfig, RegionInfo, StoreView } from './view.js';

/** Regions that are looked at per source and role before the next one. */
const TRIES = 10;

/** Pending peers first: they have the least to lose. Leaders last: they have to be led away before. */
const ROLES: readonly PeerRole[] = ['pending', 'follower', 'leader'];

/**
 * First moves peers from stores that are low on space to those with plenty. Else moves a peer from a store with
 * much data to one with little, if that makes them more even.
 */
export function balanceRegion(view: ClusterView, rng: Rng, config: PolicyConfig): Plan | undefined {
  const isLow = (store: StoreView): number => Number(isLowOnSpace(store, config));
  const sources = view
    .stores()
    .filter((store) => isBalanceSource(store, config))
    .sort((a, b) => isLow(b) - isLow(a) || compareLoad(b, a));
  for (const source of sources) {
    for (const role of ROLES) {
      const plan = moveFrom(view, source, role, rng, config);
      if (plan !== undefined) return plan;
    }
  }
  return undefined;
}

function moveFrom(
  view: ClusterView,
  source: StoreView,
  role: PeerRole,
  rng: Rng,
  config: PolicyConfig,
): Plan | undefined {
  for (let i = 0; i < TRIES; i++) {
    const region = view.randomRegion(source.id, role, rng);
    if (region === undefined) return undefined;
    const target = worthwhileTarget(view, region, source, config);
    if (target !== undefined) {
      return { type: 'move-peer', region, from: source.id, to: target.id };
    }
  }
  return undefined;
}

function worthwhileTarget(
  view: ClusterView,
  region: RegionInfo,
  source: StoreView,
  config: PolicyConfig,
): StoreView | undefined {
  if (view.hasOperator(region.id) || !hasItsPeers(view, region)) return undefined;
  const target = chooseTarget(view, region, config);
  if (target === undefined || isLowOnSpace(target, config)) return undefined;
  const isWorthIt =
    isLowOnSpace(source, config) && hasAmpleSpace(target, config)
      ? mayRelieve(source, target, region)
      : makesEven(source, target, region);
  return isWorthIt ? target : undefined;
}

/**
 * TinyKV's rule: the difference of data must exceed twice the Region's size, so that no move is ever undone. A
 * Region so small that all Regions of the source could not make up for the difference, were they like it, does
 * nothing for the data: one of another kind is in the way. It moves only if it evens out the number of Regions.
 */
function makesEven(source: StoreView, target: StoreView, { size }: RegionInfo): boolean {
  const difference = source.regionSize - target.regionSize;
  if (difference <= 2 * size) return false;
  const evensData = 2 * size * source.regionCount >= difference;
  return evensData || source.regionCount - target.regionCount > 2;
}

/**
 * A disk that is full of other things, or that gives space back late, must not lose all its Regions: the store keeps
 * at least half of what the target gets to have.
 */
function mayRelieve(source: StoreView, target: StoreView, { size }: RegionInfo): boolean {
  return 2 * (source.regionSize - size) >= target.regionSize + size;
}

/** A Region with too few peers, too many or sick ones is the replica checker's. */
function hasItsPeers(view: ClusterView, { region, downPeers }: RegionInfo): boolean {
  const { peers } = region;
  return (
    peers.length === view.maxReplicas &&
    downPeers.length === 0 &&
    peers.every((peer) => !peer.learner)
  );
}
