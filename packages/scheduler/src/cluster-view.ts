import type { Rng, StoreId } from '@tinykv/base';
import type { StoreStats } from '@tinykv/model';
import type { Cluster } from './cluster.js';
import { priorities } from './operator.js';
import type { OperatorDriver } from './operator-driver.js';
import type { ClusterView, PeerRole, RegionInfo, StoreSpace, StoreView } from './policy/view.js';

/** The cluster as it will be when the running operators are through: good for one round of decisions. */
export class PresentView implements ClusterView {
  readonly maxReplicas: number;
  readonly #cluster: Cluster;
  readonly #driver: OperatorDriver;
  readonly #stores: readonly StoreView[];
  readonly #byId: ReadonlyMap<StoreId, StoreView>;

  constructor(cluster: Cluster, driver: OperatorDriver, maxReplicas: number) {
    this.maxReplicas = maxReplicas;
    this.#cluster = cluster;
    this.#driver = driver;
    this.#stores = storeViews(cluster, driver);
    this.#byId = new Map(this.#stores.map((store) => [store.id, store]));
  }

  stores(): readonly StoreView[] {
    return this.#stores;
  }

  store(id: StoreId): StoreView | undefined {
    return this.#byId.get(id);
  }

  randomRegion(storeId: StoreId, role: PeerRole, rng: Rng): RegionInfo | undefined {
    return this.#cluster.regions.randomRegion(storeId, role, rng);
  }

  hasOperator(regionId: number): boolean {
    return this.#driver.has(regionId);
  }

  isBalancing(regionId: number): boolean {
    return this.#driver.priorityOn(regionId) === priorities.normal;
  }
}

function storeViews(cluster: Cluster, driver: OperatorDriver): readonly StoreView[] {
  const influence = driver.influence();
  return Array.from(cluster.stores(), ({ id, state }) => {
    const counts = cluster.regions.counts(id);
    const change = influence.get(id);
    return {
      id,
      state,
      isBusy: cluster.stats(id)?.isBusy ?? false,
      silentMs: cluster.silentMs(id),
      regionCount: counts.regionCount + (change?.regionCount ?? 0),
      regionSize: counts.regionSize + (change?.regionSize ?? 0),
      leaderCount: counts.leaderCount + (change?.leaderCount ?? 0),
      damagedPeers: cluster.stats(id)?.damagedPeers ?? [],
      space: spaceOf(cluster.stats(id), counts.pendingBytes + (change?.incomingBytes ?? 0)),
      pendingPeerCount: counts.pendingCount + (change?.incoming ?? 0),
    };
  });
}

/** The bytes of pending peers are not on the disk yet. */
function spaceOf(stats: StoreStats | undefined, incomingBytes: number): StoreSpace | undefined {
  if (stats === undefined || stats.capacity === 0) return undefined;
  return { capacityBytes: stats.capacity, availableBytes: stats.available - incomingBytes };
}
