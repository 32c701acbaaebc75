import {
  type ClusterId,
  KvError,
  type RegionId,
  type StoreId,
  type Timestamp,
  TS_ZERO,
} from '@tinykv/base';
import type {
  ApiMode,
  GcProgress,
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

/** Registered as up, but silent for 20 s or for longer than `max-store-down-time`; or in its registered state. */
export type StoreCondition = StoreState | 'disconnected' | 'down';

export interface StoreStatus {
  readonly store: StoreMeta;
  readonly condition: StoreCondition;
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

/** How old versions are collected. */
export interface GcStatus extends GcProgress {
  readonly settings: GcSettings;
  /** Services that hold back the safe point. */
  readonly services: readonly GcService[];
}

export interface GcSettings {
  /** Milliseconds. 0: the safe point is not moved. */
  readonly lifeMs: number;
  readonly intervalMs: number;
}

export interface GcService {
  readonly id: string;
  readonly safePoint: Timestamp;
  /** Milliseconds from now. */
  readonly ttlMs: number;
}

export type AdminOperator =
  | { readonly kind: 'split'; readonly regionId: RegionId }
  | {
      readonly kind: 'transfer-leader' | 'add-peer' | 'remove-peer';
      readonly regionId: RegionId;
      readonly storeId: StoreId;
    };

/** An operator: the scheduler's work on a Region, running or ended. */
export interface OperatorInfo {
  readonly regionId: RegionId;
  readonly desc: string;
  /** running, success, timeout, cancel or replace. */
  readonly status: string;
  /** Why it has ended without success. */
  readonly reason: string;
  readonly steps: readonly string[];
  readonly done: number;
  readonly ageMs: number;
  readonly endedMs: number;
}

const rpc = tinykvadmin.Admin;

/** What an operator of the cluster asks of the scheduler. All calls reject with KvError. */
export class SchedulerAdmin {
  readonly #link: SchedulerLink;

  constructor(link: SchedulerLink) {
    this.#link = link;
  }

  /** All Regions in key order. */
  async regions(): Promise<readonly RegionStatus[]> {
    const { regions } = await this.#link.callAdmin(rpc.getRegions, {});
    return regions.map((info) => ({
      region: regionFromWire(required(info.region, 'a region')),
      leader: leaderFromWire(info.leader),
      approximateBytes: info.approximateSize,
      approximateKeys: info.approximateKeys,
      pendingPeers: info.pendingPeers.map(peerFromWire),
    }));
  }

  async clusterStatus(): Promise<ClusterStatus> {
    const status = await this.#link.callAdmin(rpc.getClusterStatus, {});
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
    refuse((await this.#link.callAdmin(rpc.setStoreState, request)).error);
  }

  /** Throws FAILED_PRECONDITION when the scheduler refuses. */
  async addOperator(operator: AdminOperator): Promise<void> {
    const storeId = operator.kind === 'split' ? 0 : operator.storeId;
    const request = { regionId: operator.regionId, kind: operator.kind, storeId };
    refuse((await this.#link.callAdmin(rpc.addOperator, request)).error);
  }

  /** Those that run, then those that have ended within the last minutes, the last one first. */
  async operators(): Promise<readonly OperatorInfo[]> {
    return (await this.#link.callAdmin(rpc.getOperators, {})).operators;
  }

  /** Throws FAILED_PRECONDITION when none runs on the Region. */
  async cancelOperator(regionId: RegionId): Promise<void> {
    refuse((await this.#link.callAdmin(rpc.cancelOperator, { regionId })).error);
  }

  async gcState(): Promise<GcStatus> {
    const state = await this.#link.callAdmin(rpc.getGCState, {});
    return {
      safePoint: state.safePoint,
      resolved: state.resolvedSafePoint,
      settings: { lifeMs: state.lifeTimeMs, intervalMs: state.runIntervalMs },
      services: state.services.map(({ serviceId: id, safePoint, ttlMs }) => ({
        id,
        safePoint,
        ttlMs,
      })),
    };
  }

  /** Throws FAILED_PRECONDITION when the scheduler refuses. */
  async setGc({ lifeMs, intervalMs }: GcSettings): Promise<void> {
    const request = { lifeTimeMs: lifeMs, runIntervalMs: intervalMs };
    refuse((await this.#link.callAdmin(rpc.setGC, request)).error);
  }

  /** Until its time is over the safe point stays at or below it. Throws FAILED_PRECONDITION when it is above already. */
  async holdSafePoint({ id, safePoint, ttlMs }: GcService): Promise<void> {
    const request = { serviceId: id, safePoint, ttlMs };
    refuse((await this.#link.callAdmin(rpc.updateServiceGCSafePoint, request)).error);
  }

  async releaseSafePoint(id: string): Promise<void> {
    await this.holdSafePoint({ id, safePoint: TS_ZERO, ttlMs: 0 });
  }

  async reportLocksResolved(upTo: Timestamp): Promise<void> {
    await this.#link.callAdmin(rpc.reportLocksResolved, { upTo });
  }
}

function storeStatus(info: tinykvadmin.StoreInfo): StoreStatus {
  const store = storeFromWire(required(info.store, 'a store'));
  return {
    store,
    condition: conditionFromWire(info.condition, store.state),
    stats: info.stats === undefined ? undefined : storeStatsFromWire(info.stats),
    regionCount: info.regionCount,
    leaderCount: info.leaderCount,
    lastHeartbeatMs: info.lastHeartbeatMs,
    regionBytes: info.regionSize,
  };
}

function conditionFromWire(text: string, state: StoreState): StoreCondition {
  return text === 'disconnected' || text === 'down' ? text : state;
}

function required<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new KvError('INTERNAL', `the scheduler left ${what} out`);
  return value;
}

function refuse(error: string): void {
  if (error !== '') throw new KvError('FAILED_PRECONDITION', error);
}
