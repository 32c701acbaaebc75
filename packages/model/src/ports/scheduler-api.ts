import type { ClusterId, PeerId, RegionId, StoreId, Timestamp } from '@tinykv/base';
import type { ApiMode } from '../keys.js';
import type { Peer, Region, RegionEpoch, StoreMeta } from '../region.js';

/**
 * The scheduler as stores and clients see it. Every call rejects with KvError when the scheduler
 * can't be reached in time or refuses.
 */
export interface SchedulerApi {
  readonly clusterId: ClusterId;
  allocId(): Promise<number>;
  isBootstrapped(): Promise<boolean>;
  /** False when the cluster was bootstrapped before. */
  bootstrap(store: StoreMeta, region: Region, api: ApiMode): Promise<boolean>;
  clusterApi(): Promise<ApiMode>;
  /** Rejects with {@link StoreRefusedError} for a process that must not go on under this store id. */
  putStore(store: StoreMeta): Promise<void>;
  getStore(id: StoreId): Promise<StoreMeta>;
  allStores(): Promise<readonly StoreMeta[]>;
  /** By location key. Undefined: a gap that the next heartbeats will close. */
  getRegion(key: Uint8Array): Promise<RegionWithLeader | undefined>;
  getRegionById(id: RegionId): Promise<RegionWithLeader | undefined>;
  scanRegions(
    start: Uint8Array,
    end: Uint8Array,
    limit: number,
  ): Promise<readonly RegionWithLeader[]>;
  askSplit(
    region: Region,
  ): Promise<{ readonly regionId: RegionId; readonly peerIds: readonly PeerId[] }>;
  /** Rejects with {@link StoreRefusedError} as `putStore` does. */
  storeHeartbeat(stats: StoreStats): Promise<void>;
  /** Never waits; answers that ask for something come by `onOperator`. */
  regionHeartbeat(report: RegionReport): void;
  onOperator(handler: (operator: RegionOperator) => void): void;
  /** Calls back when reports may be lost or forgotten, and there is a scheduler again to report to. */
  onReportsLost(handler: () => void): void;
  /** The last of `count` consecutive timestamps. */
  tso(count: number): Promise<Timestamp>;
  gcProgress(): Promise<GcProgress>;
  /** No transaction that began before `upTo` has a lock left in the whole cluster. */
  locksResolved(upTo: Timestamp): Promise<void>;
}

/** How far the collection of old versions has come. Neither ever goes back. */
export interface GcProgress {
  /** Nothing below it may be read or begun any more. */
  readonly safePoint: Timestamp;
  /** At most `safePoint`. Transactions that began before it have no locks: what they no longer need may go. */
  readonly resolved: Timestamp;
}

/** Somebody who still needs the versions at a timestamp, and for how long the scheduler is to believe it. */
export interface ServiceSafePoint {
  readonly id: string;
  readonly safePoint: Timestamp;
  /** By the scheduler's time, in milliseconds since the Unix epoch. */
  readonly expiresAtMs: number;
}

export interface RegionWithLeader {
  readonly region: Region;
  readonly leader: Peer | undefined;
}

export interface StoreStats {
  readonly storeId: StoreId;
  readonly capacity: number;
  readonly available: number;
  readonly usedSize: number;
  readonly regionCount: number;
  /** Regions among them that have had no leader for longer than elections take: nobody reports them. */
  readonly leaderlessRegions?: number;
  readonly sendingSnapshots: number;
  readonly receivingSnapshots: number;
  readonly applyingSnapshots: number;
  /** Seconds since the Unix epoch. */
  readonly startTime: number;
  readonly isBusy: boolean;
  /** Peers of the store that have lost what they had promised: they wait to be replaced. */
  readonly damagedPeers: readonly PeerId[];
  /** As in StoreMeta. */
  readonly startToken?: number;
}

export interface RegionReport {
  readonly region: Region;
  readonly leader: Peer;
  readonly term: number;
  readonly pendingPeers: readonly Peer[];
  readonly downPeers: readonly Peer[];
  readonly approximateBytes: number;
  readonly approximateKeys: number;
  /** Of the leader's store, as in StoreMeta. */
  readonly startToken?: number;
}

/** What the scheduler asks a leader to do; refused when the epoch is no longer this one. */
export type RegionOperator = {
  readonly regionId: RegionId;
  readonly epoch: RegionEpoch;
  readonly targetPeer: Peer | undefined;
} & (
  | { readonly type: 'add-peer'; readonly peer: Peer }
  | { readonly type: 'remove-peer'; readonly peer: Peer }
  | { readonly type: 'transfer-leader'; readonly peer: Peer }
  /** Location keys; empty: the store halves the Region by size. */
  | { readonly type: 'split'; readonly keys: readonly Uint8Array[] }
);
