import type { PeerId, Rng, StoreId } from '@tinykv/base';
import type { KeyRange, Peer, Region, StoreState } from '@tinykv/model';

/** A Region as its leader last reported it. */
export interface RegionInfo {
  readonly id: number;
  readonly range: KeyRange;
  readonly region: Region;
  /** Undefined for a Region that is known only from its bootstrap. */
  readonly leader: Peer | undefined;
  readonly term: number;
  /** Peers that still need entries which the leader's log no longer has. */
  readonly pendingPeers: readonly Peer[];
  /** Peers that the leader has not heard of for too long. */
  readonly downPeers: readonly Peer[];
  readonly approximateBytes: number;
  readonly approximateKeys: number;
  /**
   * What scores count: MiB, at least 1 (TinyKV's rounding). So Regions smaller than that all weigh the
   * same, and balancing their sizes balances their number.
   */
  readonly size: number;
}

/** The space of the disk that a store is on. */
export interface StoreSpace {
  readonly capacityBytes: number;
  /** Less what its incoming peers will take. */
  readonly availableBytes: number;
}

/** A store as policies see it: what is, plus what running operators will have made of it. */
export interface StoreView {
  readonly id: StoreId;
  readonly state: StoreState;
  readonly isBusy: boolean;
  /** Since the last heartbeat. */
  readonly silentMs: number;
  readonly regionCount: number;
  /** Sum of the sizes of its Regions, in the unit of RegionInfo.size. */
  readonly regionSize: number;
  readonly leaderCount: number;
  /** Peers on it that wait for a snapshot or are about to. */
  readonly pendingPeerCount: number;
  /** Its peers that have lost what they had promised: they are there and will never answer. */
  readonly damagedPeers: readonly PeerId[];
  /** Undefined while the store has not told. */
  readonly space: StoreSpace | undefined;
}

export type PeerRole = 'leader' | 'follower' | 'pending';

/** All that a policy may know. Policies are pure functions of it and of an Rng. */
export interface ClusterView {
  readonly maxReplicas: number;
  stores(): readonly StoreView[];
  store(id: StoreId): StoreView | undefined;
  /** One of the Regions with a peer of this role on the store, at random; followers are not pending ones. */
  randomRegion(storeId: StoreId, role: PeerRole, rng: Rng): RegionInfo | undefined;
  /** True while an operator runs on the Region. */
  hasOperator(regionId: number): boolean;
  /** True while that operator is one which repair may replace. */
  isBalancing(regionId: number): boolean;
}

/** What a policy wants done with a Region; the coordinator makes operators of it. */
export type Plan =
  | {
      readonly type: 'move-peer';
      readonly region: RegionInfo;
      readonly from: StoreId;
      readonly to: StoreId;
    }
  | { readonly type: 'add-peer'; readonly region: RegionInfo; readonly to: StoreId }
  | { readonly type: 'remove-peer'; readonly region: RegionInfo; readonly from: StoreId }
  | { readonly type: 'promote-peer'; readonly region: RegionInfo; readonly peer: Peer }
  | {
      readonly type: 'transfer-leader';
      readonly region: RegionInfo;
      readonly from: StoreId;
      readonly to: StoreId;
    };

export interface PolicyConfig {
  /** A store silent for longer has lost its peers for good, as far as replication is concerned. */
  readonly maxStoreDownMs: number;
  /** A store silent for longer gets no new peers and no leaders. */
  readonly storeDisconnectedMs: number;
  /** A store with more pending peers than this gets no further ones. */
  readonly pendingPeersMax: number;
  /** Least difference of leaders between two stores that is worth a transfer. */
  readonly leaderTolerance: number;
  /** A store with less than the rest of its disk available is low on space. */
  readonly lowSpaceRatio: number;
  /** A store with more than the rest of its disk available takes Regions of stores that are low on space. */
  readonly highSpaceRatio: number;
  /** A new peer must leave this much of a store's disk. */
  readonly spaceFloorBytes: number;
}
