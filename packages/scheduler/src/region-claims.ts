import { limits } from '@tinykv/base';
import type { Peer, Region, RegionEpoch } from '@tinykv/model';

/** Why no honest store says this of a Region; undefined: it may. */
export function implausibleRegion({ id, peers, epoch }: Region): string | undefined {
  if (peers.length === 0) return `region ${id} has no peers`;
  const stores = peers.map((peer) => peer.storeId);
  // The index counts Regions by store; with two peers on one of them its sums would never come out again.
  const crowded = stores.find((storeId, i) => stores.indexOf(storeId) < i);
  if (crowded !== undefined) return `region ${id} has two peers on store ${crowded}`;
  if (new Set(peers.map((peer) => peer.id)).size < peers.length) {
    return `region ${id} has two peers of one id`;
  }
  if (Math.max(epoch.version, epoch.confVer) > limits.epochMax) {
    return `the epoch ${epoch.confVer}.${epoch.version} of region ${id} is beyond any change`;
  }
  return undefined;
}

/** The same of a leader's report, whose epoch is to replace that of `known`. */
export function implausibleReport(
  region: Region,
  leader: Peer | undefined,
  known: RegionEpoch | undefined,
): string | undefined {
  const { id, peers, epoch } = region;
  const reason = implausibleRegion(region);
  if (reason !== undefined) return reason;
  if (leader !== undefined && !peers.some((peer) => isSamePeer(peer, leader))) {
    return `the leader ${leader.id} is no peer of region ${id}`;
  }
  if (known === undefined) return undefined;
  // A false epoch that is taken in refuses all true ones until they have caught up with it.
  const step = Math.max(epoch.version - known.version, epoch.confVer - known.confVer);
  return step > limits.epochStepMax
    ? `the epoch of region ${id} is ${step} changes ahead of the known one`
    : undefined;
}

/** A leader that was added as a learner may still call itself one. */
function isSamePeer(a: Peer, b: Peer): boolean {
  return a.id === b.id && a.storeId === b.storeId;
}
