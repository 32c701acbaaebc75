import { type ClusterId, KvError, type RegionId, type StoreId } from '@tinykv/base';
import type {
  ApiMode,
  Peer,
  RegionWithLeader,
  StoreMeta,
  StoreState,
  StoreStats,
} from '@tinykv/model';
import {
  apiFromWire,
  leaderFromWire,
  peerFromWire,
  regionFromWire,
  storeFromWire,
  storeStateToWire,
  storeStatsFromWire,
  tinykvadmin,
} from '@tinykv/proto';
import type { SchedulerLink } from './scheduler-link.js';

export interface RegionStatus extends RegionWithLeader {
  readonly approximateBytes: number;
  readonly approximateKeys: number;
  readonly pendingPeers: readonly Peer[];
}

export interface StoreStatus {
  readonly store: StoreMeta;
  /** Undefined before its first heartbeat. */
  readonly stats: StoreStats | undefined;
  readonly regionCount: number;
  readonly leaderCount: number;
  readonly lastHeartbeatMs: number;
  /** Bytes of all its Regions. */
  readonly regionBytes: number;
}

export interface ClusterStatus {
  readonly clusterId: ClusterId;
  readonly bootstrapped: boolean;
  readonly api: ApiMode;
  readonly stores: readonly StoreStatus[];
}

export type AdminOperator =
  | { readonly kind: 'split'; readonly regionId: RegionId }
  | {
      readonly kind: 'transfer-leader' | 'add-peer' | 'remove-peer';
      readonly regionId: RegionId;
      readonly storeId: StoreId;
    };

const rpc = tinykvadmin.Admin;

/** What an operator of the cluster asks of the scheduler. All calls reject with KvError. */
export class SchedulerAdmin {
  readonly #link: SchedulerLink;

  constructor(link: SchedulerLink) {
    this.#link = link;
  }

  /** All Regions in key order. */
  async regions(): Promise<readonly RegionStatus[]> {
    const { regions } = await this.#link.callPlain(rpc.getRegions, {});
    return regions.map((info) => ({
      region: regionFromWire(required(info.region, 'a region')),
      leader: leaderFromWire(info.leader),
      approximateBytes: info.approximateSize,
      approximateKeys: info.approximateKeys,
      pendingPeers: info.pendingPeers.map(peerFromWire),
    }));
  }

  async clusterStatus(): Promise<ClusterStatus> {
    const status = await this.#link.callPlain(rpc.getClusterStatus, {});
    return {
      clusterId: status.clusterId,
      bootstrapped: status.bootstrapped,
      api: apiFromWire(status.api),
      stores: status.stores.map(storeStatus),
    };
  }

  /** Throws FAILED_PRECONDITION when the scheduler refuses. */
  async setStoreState(storeId: StoreId, state: StoreState): Promise<void> {
    const request = { storeId, state: storeStateToWire(state) };
    refuse((await this.#link.callPlain(rpc.setStoreState, request)).error);
  }

  /** Throws FAILED_PRECONDITION when the scheduler refuses. */
  async addOperator(operator: AdminOperator): Promise<void> {
    const storeId = operator.kind === 'split' ? 0 : operator.storeId;
    const request = { regionId: operator.regionId, kind: operator.kind, storeId };
    refuse((await this.#link.callPlain(rpc.addOperator, request)).error);
  }
}

function storeStatus(info: tinykvadmin.StoreInfo): StoreStatus {
  return {
    store: storeFromWire(required(info.store, 'a store')),
    stats: info.stats === undefined ? undefined : storeStatsFromWire(info.stats),
    regionCount: info.regionCount,
    leaderCount: info.leaderCount,
    lastHeartbeatMs: info.lastHeartbeatMs,
    regionBytes: info.regionSize,
  };
}

function required<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new KvError('INTERNAL', `the scheduler left ${what} out`);
  return value;
}

function refuse(error: string): void {
  if (error !== '') throw new KvError('FAILED_PRECONDITION', error);
}
