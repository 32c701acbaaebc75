import type { Cluster } from '../cluster/cluster.js';
import type { StoreNode } from '../cluster/store-node.js';
import { newestRegions, VOTERS_MIN } from './replacement.js';

/**
 * Up to `wanted` stores that every Region can do without, and new peers as well: the others are as many as a
 * Region wants, and more than half of its voters. None when a store is lost for good, since that one is away already, and
 * none while a log has entries that are not applied.
 */
export function absentees(cluster: Cluster, wanted: number): StoreNode[] {
  const { stores } = cluster;
  if (
    stores.some(({ damaged, retired, drained, copied }) => damaged || retired || drained || copied)
  ) {
    return [];
  }
  // An entry on its way may be a change of peers, which leaves a Region with fewer voters than are seen now.
  if (cluster.peers().some(({ status }) => status.applied !== status.lastIndex)) return [];
  // A peer that has stopped for good does not vote until it is replaced.
  if (cluster.peers().some(({ status }) => status.role === 'Damaged')) return [];
  const away: StoreNode[] = [];
  for (const store of stores.slice(1)) {
    if (away.length < wanted && isSpared(cluster, [...away, store])) away.push(store);
  }
  return away;
}

function isSpared(cluster: Cluster, away: readonly StoreNode[]): boolean {
  if (2 * away.length >= cluster.stores.length) return false;
  const regions = newestRegions(cluster);
  const ids = new Set(away.map(({ storeId }) => storeId));
  return (
    regions.length > 0 &&
    !ids.has(undefined) &&
    regions.every(({ peers }) => {
      const voters = peers.filter(({ learner }) => !learner);
      const left = voters.filter(({ storeId }) => !ids.has(storeId));
      return voters.length >= VOTERS_MIN && 2 * left.length > voters.length;
    })
  );
}
