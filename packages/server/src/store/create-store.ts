import type { Env, KvEngine, ServiceTable, StreamHandler } from '@tinykv/base';
import type { SchedulerApi } from '@tinykv/model';
import type { RaftLog } from '@tinykv/raft';
import { RaftStore, type RaftStoreConfig, type RegionStatus } from '@tinykv/raftstore';
import { RawExecutor, TxnExecutor } from '@tinykv/txn';
import { batchService } from './batch-service.js';
import { tinykvService } from './tinykv-service.js';

/** What a store stands on. */
export interface StoreParts {
  readonly kv: KvEngine;
  readonly log: RaftLog;
  readonly scheduler: SchedulerApi;
  /** The process must stop: a disk failed or an invariant broke. */
  fatal(error: unknown): void;
}

export interface StoreConfig extends RaftStoreConfig {
  readonly requestTimeoutMs: number;
}

/** A store as its process, or the simulator, holds it. */
export interface StoreNode {
  readonly storeId: number;
  readonly clusterId: number;
  /** Handlers of clients' and other stores' requests. */
  services(): ServiceTable;
  /** Registers with the scheduler and takes part. `services` must be reachable by then. */
  start(): Promise<void>;
  /** Hands leadership away; true once nothing is left to hand. */
  transferLeaders(): boolean;
  /** Stops taking part and waits for what is being written. */
  stop(): Promise<void>;
  regions(): readonly RegionStatus[];
}

/** One store of a cluster: Regions over Raft, transactions over Regions, and their services. */
export async function createStore(
  env: Env,
  parts: StoreParts,
  config: StoreConfig,
): Promise<StoreNode> {
  const { kv, log, scheduler, fatal } = parts;
  const store = await RaftStore.open(
    env,
    { engine: kv, log, scheduler, fatal: (error) => fatal(error) },
    config,
  );
  const tinykv = tinykvService(env, {
    txn: new TxnExecutor(env, store.access, () => scheduler.tso(1)),
    raw: new RawExecutor(store.access),
    requestTimeoutMs: config.requestTimeoutMs,
  });
  const batch = batchService(env, tinykv.unary);
  const stream = new Map<string, StreamHandler>([
    ...tinykv.stream,
    ...batch.stream,
    ...store.streams(),
  ]);
  return {
    storeId: store.storeId,
    clusterId: store.ident.clusterId,
    services: () => ({ unary: tinykv.unary, stream }),
    start: () => store.start(),
    transferLeaders: () => store.transferLeaders(),
    stop: () => store.stop(),
    regions: () => store.regions(),
  };
}
