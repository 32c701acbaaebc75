import { assert } from '@tinykv/base';
import type { ApiMode } from '@tinykv/model';
import type { PolicyConfig } from './policy/view.js';

/** Times in milliseconds; the defaults are TinyKV's unless a comment says otherwise. */
export interface SchedulerConfig {
  readonly name: string;
  /** As clients reach it, with scheme: `http://127.0.0.1:2379`. */
  readonly clientUrls: readonly string[];
  readonly peerUrls: readonly string[];
  /** The API of a cluster whose bootstrap does not name one. */
  readonly api: ApiMode;
  /** Peers per Region in a cluster that is bootstrapped now; later PutClusterConfig changes it. */
  readonly maxReplicas: number;
  /** Operators of each kind that may run at once. */
  readonly leaderScheduleLimit: number;
  readonly regionScheduleLimit: number;
  readonly replicaScheduleLimit: number;
  readonly maxStoreDownTimeMs: number;
  readonly storeDisconnectedMs: number;
  /** A new leader waits no longer for the reports of Regions that stores announce. PD's. */
  readonly collectTimeoutMs: number;
  /** How far ahead timestamps are reserved: what a restart may skip. */
  readonly tsoSaveIntervalMs: number;
  readonly patrolIntervalMs: number;
  /** Offline stores are looked at this often. TinyKV: 1 min. */
  readonly storeCheckIntervalMs: number;
  /** Bounds of the pause between two tries of a balance policy. */
  readonly scheduleIntervalMinMs: number;
  readonly scheduleIntervalMaxMs: number;
  /** Least difference of leaders that is worth a transfer. TinyKV: 10, which small clusters never reach. */
  readonly leaderTolerance: number;
  /** A store with more pending and incoming peers than this gets no further ones. */
  readonly pendingPeersMax: number;
  /** As in PolicyConfig; PD's. */
  readonly lowSpaceRatio: number;
  readonly highSpaceRatio: number;
  readonly spaceFloorBytes: number;
  /** Versions newer than this are kept: the GC safe point follows the present at this distance. 0: it is never moved. */
  readonly gcLifeMs: number;
  /** The safe point is moved this often. */
  readonly gcIntervalMs: number;
  /** A new peer gets the log before it gets its vote. TinyKV has no learners. */
  readonly learnersFirst: boolean;
}

export const defaultSchedulerConfig: SchedulerConfig = {
  name: 'scheduler',
  clientUrls: ['http://127.0.0.1:2379'],
  peerUrls: ['http://127.0.0.1:2380'],
  api: 'txn',
  maxReplicas: 3,
  leaderScheduleLimit: 4,
  regionScheduleLimit: 2048,
  replicaScheduleLimit: 64,
  maxStoreDownTimeMs: 1_800_000,
  storeDisconnectedMs: 20_000,
  collectTimeoutMs: 300_000,
  tsoSaveIntervalMs: 3_000,
  patrolIntervalMs: 100,
  storeCheckIntervalMs: 3_000,
  scheduleIntervalMinMs: 10,
  scheduleIntervalMaxMs: 5_000,
  leaderTolerance: 2,
  pendingPeersMax: 16,
  lowSpaceRatio: 0.8,
  highSpaceRatio: 0.7,
  spaceFloorBytes: 268_435_456,
  gcLifeMs: 600_000,
  gcIntervalMs: 60_000,
  learnersFirst: true,
};

/** Fills in defaults and checks the whole once. */
export function schedulerConfig(given: Partial<SchedulerConfig>): SchedulerConfig {
  const config = { ...defaultSchedulerConfig, ...given };
  assert(config.maxReplicas >= 1, () => `max-replicas ${config.maxReplicas}`);
  assert(config.tsoSaveIntervalMs >= 200, () => `tso-save-interval ${config.tsoSaveIntervalMs} ms`);
  assert(config.leaderTolerance >= 2, 'with less than 2 leaders would go back and forth');
  assert(config.scheduleIntervalMinMs > 0, 'schedule-interval-min must be positive');
  assert(
    config.highSpaceRatio < config.lowSpaceRatio && config.lowSpaceRatio < 1,
    () => `space ratios ${config.highSpaceRatio}, ${config.lowSpaceRatio}`,
  );
  assert(config.gcIntervalMs > 0, 'gc-run-interval must be positive');
  assert(config.clientUrls.length > 0, 'clients need at least one URL');
  for (const url of config.clientUrls) assert(url.includes('://'), () => `${url} has no scheme`);
  return config;
}

export function policyConfig(config: SchedulerConfig): PolicyConfig {
  return {
    maxStoreDownMs: config.maxStoreDownTimeMs,
    storeDisconnectedMs: config.storeDisconnectedMs,
    pendingPeersMax: config.pendingPeersMax,
    leaderTolerance: config.leaderTolerance,
    lowSpaceRatio: config.lowSpaceRatio,
    highSpaceRatio: config.highSpaceRatio,
    spaceFloorBytes: config.spaceFloorBytes,
  };
}
