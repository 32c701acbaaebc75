import type { Rng } from '@tinykv/base';
import type {
  ClusterView,
  PeerRole,
  PolicyConfig,
  RegionInfo,
  StoreView,
} from '../../src/policy/view.js';

export const mockConfig: PolicyConfig = {
  maxStoreDownMs: 1_800_000,
  storeDisconnectedMs: 20_000,
  pendingPeersMax: 16,
  leaderTolerance: 10,
  lowSpaceRatio: 0.8,
  highSpaceRatio: 0.7,
  spaceFloorBytes: 256 * 1024 ** 2,
};

/** A view whose stores say of themselves what the test wants; every Region of a store weighs 10. */
export class MockView implements ClusterView {
  maxReplicas: number;
  readonly #stores = new Map<number, StoreView>();
  readonly #regions: RegionInfo[] = [];
  readonly busyRegions: Set<number> = new Set();
  readonly balancing: Set<number> = new Set();

  constructor(maxReplicas: number) {
    this.maxReplicas = maxReplicas;
  }

  setStore(id: number, regionCount: number, change: Partial<StoreView> = {}): void {
    this.#stores.set(id, {
      id,
      state: 'up',
      isBusy: false,
      silentMs: 0,
      regionCount,
      regionSize: regionCount * 10,
      leaderCount: regionCount,
      pendingPeerCount: 0,
      damagedPeers: [],
      space: undefined,
      ...change,
    });
  }

  putRegion(region: RegionInfo): void {
    const at = this.#regions.findIndex(({ id }) => id === region.id);
    if (at >= 0) this.#regions[at] = region;
    else this.#regions.push(region);
  }

  stores(): readonly StoreView[] {
    return [...this.#stores.values()];
  }

  store(id: number): StoreView | undefined {
    return this.#stores.get(id);
  }

  hasOperator(regionId: number): boolean {
    return this.busyRegions.has(regionId) || this.balancing.has(regionId);
  }

  isBalancing(regionId: number): boolean {
    return this.balancing.has(regionId);
  }

  randomRegion(storeId: number, role: PeerRole, rng: Rng): RegionInfo | undefined {
    const fitting = this.#regions.filter((region) => roleOn(region, storeId) === role);
    return fitting.length === 0 ? undefined : fitting[rng.int(0, fitting.length)];
  }
}

function roleOn(region: RegionInfo, storeId: number): PeerRole | undefined {
  const peer = region.region.peers.find((candidate) => candidate.storeId === storeId);
  if (peer === undefined) return undefined;
  if (region.leader?.id === peer.id) return 'leader';
  return region.pendingPeers.some(({ id }) => id === peer.id) ? 'pending' : 'follower';
}
