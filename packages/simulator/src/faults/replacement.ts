import { isEpochStale, type Region } from '@tinykv/model';
import type { Cluster } from '../cluster/cluster.js';
import type { StoreNode } from '../cluster/store-node.js';
import type { Arena } from './arena.js';

/** How long a person waits before asking again for what the scheduler did not do. */
const ASK_AGAIN_MS = 1_000;
/** Voters of a Region that may lose one for good. */
export const VOTERS_MIN = 3;

/** Damage is kept to one store of a run, and to Regions that are left with a quorum. */
export function mayDamage({ cluster }: Arena, store: StoreNode): boolean {
  if (!cluster.soundStores.includes(store)) return false;
  if (cluster.stores.some((other) => other.damaged || other.retired)) return false;
  const regions = newestRegions(cluster);
  return regions.length > 0 && regions.every((region) => voters(region) >= VOTERS_MIN);
}

/** A person's answer to a lost machine: start a new one, and take the old one out of the cluster. */
export async function replace(arena: Arena, store: StoreNode): Promise<void> {
  store.damaged = false;
  store.retire();
  await arena.cluster.addStore().start();
  tellOffline(arena, store);
}

/** Asks until the scheduler has it on record. */
export function tellOffline(arena: Arena, store: StoreNode): void {
  const { storeId } = store;
  if (storeId === undefined) return;
  const again = (): void => {
    arena.after(ASK_AGAIN_MS, () => tellOffline(arena, store));
  };
  if (arena.client === undefined) again();
  else arena.client.scheduler.admin.setStoreState(storeId, 'offline').catch(again);
}

export function voters(region: Region): number {
  return region.peers.filter(({ learner }) => !learner).length;
}

/** Each Region as the peer says that has seen most of it. */
export function newestRegions(cluster: Cluster): Region[] {
  const newest = new Map<number, Region>();
  for (const { status } of cluster.peers()) {
    const { region } = status;
    const known = newest.get(region.id);
    if (
      region.peers.length > 0 &&
      (known === undefined || isEpochStale(known.epoch, region.epoch))
    ) {
      newest.set(region.id, region);
    }
  }
  return [...newest.values()];
}
