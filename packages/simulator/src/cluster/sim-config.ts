import { defaultGatewayConfig, type GatewayConfig } from '@tinykv/gateway';
import { defaultRaftStoreConfig } from '@tinykv/raftstore';
import type { SchedulerConfig } from '@tinykv/scheduler';
import type { StoreConfig } from '@tinykv/server/store';
import type { EngineKind } from '../world/machine-engine.js';
import type { Settings } from './settings.js';

/** The outline of a cluster: its machines, and the sizes and periods that tests set by name. */
export interface ClusterShape {
  readonly stores: number;
  readonly gateways: number;
  readonly clients: number;
  /** Clients beside those, which are killed now and then. */
  readonly mortals?: number;
  /** Small, so that Regions split in minutes. */
  readonly regionMaxBytes: number;
  readonly tickMs: number;
  /** Entries kept for followers that lag: small, so that they need snapshots. */
  readonly logGcEntries: number;
  /** Bytes of them; as in production unless a test says otherwise. */
  readonly logGcBytes?: number;
  readonly barrierIntervalMs: number;
  readonly diskDelayMs: number;
  /** Of entries in one Raft message: small, so that a tail travels in parts. */
  readonly messageBytesMax: number;
  /** Of snapshots that a store sends, in bytes a second; as in production when it is not given. */
  readonly snapshotRate?: number;
  /** Short, so that what a transaction may still ask for is collected as soon as it may be; 0: nothing is. */
  readonly gcLifeMs: number;
  /** Everything else that differs from the settings below. */
  readonly settings?: Settings;
  /** Of the stores; the model of one when it is not given. */
  readonly engine?: EngineKind;
}

export function storeConfig(address: string, shape: ClusterShape): StoreConfig {
  const { settings = {} } = shape;
  return {
    ...defaultRaftStoreConfig,
    address,
    replica: {
      ...defaultRaftStoreConfig.replica,
      tickMs: shape.tickMs,
      barrierIntervalMs: shape.barrierIntervalMs,
      logGcIntervalMs: 1_000,
      logGcEntries: shape.logGcEntries,
      ...(shape.logGcBytes === undefined ? {} : { logGcBytes: shape.logGcBytes }),
      // Short, so that logs are emptied and filled again all the time.
      logGcAgeMs: 3_000,
      messageBytesMax: shape.messageBytesMax,
      ...settings.replica,
    },
    snapshotBytesPerSecond: shape.snapshotRate ?? defaultRaftStoreConfig.snapshotBytesPerSecond,
    regionMaxBytes: shape.regionMaxBytes,
    regionSplitBytes: Math.floor(shape.regionMaxBytes / 2),
    splitCheckIntervalMs: 500,
    heartbeatCheckMs: 200,
    regionHeartbeatMs: 2_000,
    storeHeartbeatMs: 1_000,
    staleLeaderMs: 5_000,
    requestTimeoutMs: 5_000,
    gcPollMs: 200,
    gcPagePauseMs: 5,
    ...settings.store,
  };
}

export function schedulerConfig(
  address: string,
  { gcLifeMs, settings = {} }: ClusterShape,
): Partial<SchedulerConfig> {
  return {
    clientUrls: [`http://${address}`],
    maxStoreDownTimeMs: 600_000,
    storeDisconnectedMs: 4_000,
    tsoSaveIntervalMs: 1_000,
    patrolIntervalMs: 200,
    storeCheckIntervalMs: 1_000,
    scheduleIntervalMinMs: 100,
    scheduleIntervalMaxMs: 1_000,
    gcLifeMs,
    gcIntervalMs: 1_000,
    ...settings.scheduler,
  };
}

export function gatewayConfig({ settings = {} }: ClusterShape): GatewayConfig {
  return { ...defaultGatewayConfig, ...settings.gateway };
}

/** Peers that each Region is to have at the end. */
export function replicasOf({ settings = {} }: ClusterShape): number {
  return settings.scheduler?.maxReplicas ?? 3;
}

/** How the cluster locates keys. */
export function apiOf({ settings = {} }: ClusterShape): StoreConfig['api'] {
  return settings.store?.api ?? 'txn';
}
