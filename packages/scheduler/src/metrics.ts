import type { Env, Gauge, StoreId, Timer } from '@tinykv/base';
import type { StoreMeta } from '@tinykv/model';
import type { Cluster } from './cluster.js';
import { type ConditionLimits, conditionOf } from './store-condition.js';

const INTERVAL_MS = 10_000;

/** Gauges of the cluster under the names and labels of PD, so that its dashboards show ours. */
export class ClusterMetrics {
  readonly #env: Env;
  readonly #cluster: Cluster;
  readonly #limits: ConditionLimits;
  readonly #gauges = new Map<string, Gauge>();
  /** Types of the gauges of each store that has been shown. */
  readonly #shown = new Map<StoreId, Set<string>>();
  #timer: Timer | undefined;

  constructor(env: Env, cluster: Cluster, limits: ConditionLimits) {
    this.#env = env;
    this.#cluster = cluster;
    this.#limits = limits;
  }

  start(): void {
    this.#timer = this.#env.clock.after(INTERVAL_MS, () => {
      this.#collect();
      this.start();
    });
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #collect(): void {
    const stores = { up: 0, disconnected: 0, down: 0, offline: 0, tombstone: 0 };
    const totals = { leaders: 0, bytes: 0 };
    for (const store of this.#cluster.stores()) {
      stores[conditionOf(store.state, this.#cluster.silentMs(store.id), this.#limits)]++;
      if (store.state === 'tombstone') this.#bury(store);
      else this.#collectStore(store);
      totals.leaders += this.#cluster.regions.counts(store.id).leaderCount;
      totals.bytes += this.#cluster.stats(store.id)?.usedSize ?? 0;
    }
    for (const [condition, count] of Object.entries(stores)) {
      this.#setCluster(`store_${condition}_count`, count);
    }
    this.#setCluster('leader_count', totals.leaders);
    this.#setCluster('region_count', this.#cluster.regions.size);
    this.#setCluster('storage_size', totals.bytes);
    const isPrepared = Number(this.#cluster.isPrepared());
    this.#set('tinykv_scheduler_prepared', 'Whether enough is known to schedule.', {}, isPrepared);
    this.#collectRegions();
  }

  #collectStore({ id, address }: StoreMeta): void {
    const counts = this.#cluster.regions.counts(id);
    this.#setStore(id, address, 'region_count', counts.regionCount);
    this.#setStore(id, address, 'region_size', counts.regionSize);
    this.#setStore(id, address, 'leader_count', counts.leaderCount);
    this.#setStore(id, address, 'leader_size', counts.leaderSize);
    const stats = this.#cluster.stats(id);
    if (stats === undefined) return;
    this.#setStore(id, address, 'store_capacity', stats.capacity);
    this.#setStore(id, address, 'store_available', stats.available);
    this.#setStore(id, address, 'store_used', stats.usedSize);
  }

  /** A gauge keeps its last value: that of a tombstone must not count what is gone. */
  #bury({ id, address }: StoreMeta): void {
    for (const type of this.#shown.get(id) ?? []) this.#setStore(id, address, type, 0);
    this.#shown.delete(id);
  }

  #collectRegions(): void {
    let pending = 0;
    let down = 0;
    for (const region of this.#cluster.regions.values()) {
      if (region.pendingPeers.length > 0) pending++;
      if (region.downPeers.length > 0) down++;
    }
    this.#set('pd_regions_status', 'Regions in need of care.', { type: 'pending-peer' }, pending);
    this.#set('pd_regions_status', 'Regions in need of care.', { type: 'down-peer' }, down);
  }

  #setCluster(type: string, value: number): void {
    this.#set('pd_cluster_status', 'Sums over the cluster.', { type }, value);
  }

  #setStore(store: StoreId, address: string, type: string, value: number): void {
    const types = this.#shown.get(store) ?? new Set();
    this.#shown.set(store, types.add(type));
    const labels = { address, store: String(store), type };
    this.#set('pd_scheduler_store_status', 'What each store holds.', labels, value);
  }

  #set(name: string, help: string, labels: Readonly<Record<string, string>>, value: number): void {
    const key = `${name} ${Object.values(labels).join(' ')}`;
    let gauge = this.#gauges.get(key);
    if (gauge === undefined) {
      gauge = this.#env.metrics.gauge(name, help, labels);
      this.#gauges.set(key, gauge);
    }
    gauge.set(value);
  }
}
