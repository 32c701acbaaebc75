import type { ApiMode } from '@tinykv/model';
import type { ReplicaConfig } from '@tinykv/replica';

/** Everything that can be set about a store's Regions. Times in milliseconds, sizes in bytes. */
export interface RaftStoreConfig {
  /** host:port that other stores and clients reach this one at. */
  readonly address: string;
  /** How a new cluster locates its keys; an existing one keeps what it has. */
  readonly api: ApiMode;
  readonly replica: ReplicaConfig;
  /** What the logs of all Regions may hold in memory; default `limits.storeMemoryBytesMax`. */
  readonly memoryBytes?: number;
  /** A Region is split once it is larger than this … */
  readonly regionMaxBytes: number;
  /** … into pieces of about this size. */
  readonly regionSplitBytes: number;
  readonly splitCheckIntervalMs: number;
  /** What all snapshots that the store sends take together. */
  readonly snapshotBytesPerSecond: number;
  /** How often leaders look whether there is news to report. */
  readonly heartbeatCheckMs: number;
  /** How often they report without news. */
  readonly regionHeartbeatMs: number;
  readonly storeHeartbeatMs: number;
  /** A peer to which no leader has spoken for this long asks the scheduler whether it still exists. */
  readonly staleLeaderMs: number;
}

export const defaultRaftStoreConfig: Omit<RaftStoreConfig, 'address'> = {
  api: 'txn',
  replica: {
    tickMs: 100,
    electionTicks: 10,
    heartbeatTicks: 2,
    barrierIntervalMs: 1000,
    barrierBytes: 67_108_864,
    logGcIntervalMs: 10_000,
    logGcEntries: 10_000,
  },
  regionMaxBytes: 402_653_184,
  regionSplitBytes: 268_435_456,
  splitCheckIntervalMs: 10_000,
  snapshotBytesPerSecond: 104_857_600,
  heartbeatCheckMs: 200,
  regionHeartbeatMs: 10_000,
  storeHeartbeatMs: 10_000,
  staleLeaderMs: 60_000,
};
