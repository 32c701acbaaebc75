import type {
  Env,
  KvEngine,
  MemoryBudget,
  ServiceTable,
  StreamHandler,
  Timestamp,
} from '@tinykv/base';
import { storeRouter } from '@tinykv/client';
import type { SchedulerApi } from '@tinykv/model';
import type { RaftLog } from '@tinykv/raft';
import {
  RaftStore,
  type RaftStoreConfig,
  type RegionStatus,
  type SpaceGauge,
} from '@tinykv/raftstore';
import { hasExpiries, RawExecutor, TxnExecutor } from '@tinykv/txn';
import { batchService } from './batch-service.js';
import { createGc } from './create-gc.js';
import { DeadlockLink } from './deadlock-link.js';
import { rangeDestroyer } from './destroy-range.js';
import { ExpiryWorker } from './expiry-worker.js';
import type { GcConfig } from './gc-worker.js';
import { whyStoreNotReady } from './readiness.js';
import { RequestLoad, underLoad } from './request-load.js';
import { tinykvService } from './tinykv-service.js';

/** What a store stands on. */
export interface StoreParts {
  readonly kv: KvEngine;
  readonly log: RaftLog;
  readonly scheduler: SchedulerApi;
  /** Undefined: the store takes values however full its disk is. */
  readonly space?: SpaceGauge;
  /** The process must stop: a disk failed or an invariant broke. */
  fatal(error: unknown): void;
}

export interface StoreConfig extends RaftStoreConfig, GcConfig {
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
  /** Why the store takes no writes at present, or undefined. */
  readonly readOnly: string | undefined;
  /** Why it does no work at all, or undefined. */
  readonly notReady: string | undefined;
  /** What the logs of its Regions hold in memory. */
  readonly memory: MemoryBudget;
}

/** One store of a cluster: Regions over Raft, transactions over Regions, and their services. */
export async function createStore(
  env: Env,
  parts: StoreParts,
  config: StoreConfig,
): Promise<StoreNode> {
  const { kv, log, scheduler, space, fatal } = parts;
  const store = await RaftStore.open(
    env,
    {
      engine: kv,
      log,
      scheduler,
      ...(space === undefined ? {} : { space }),
      fatal: (error) => fatal(error),
    },
    config,
  );
  const { api } = store.ident;
  const timestamp = (): Promise<Timestamp> => scheduler.tso(1);
  const resolvedUpTo = async (): Promise<Timestamp> => (await scheduler.gcProgress()).resolved;
  const peers = storeRouter(env, api, scheduler);
  const detector = new DeadlockLink(env, peers.router);
  const txn = new TxnExecutor(env, store.access, timestamp, { detector, resolvedUpTo });
  const raw = new RawExecutor(env, store.access, timestamp);
  const tinykv = tinykvService(env, {
    access: store.access,
    txn,
    raw,
    destroyRange: rangeDestroyer(store.ranges.destroy, api),
    requestTimeoutMs: config.requestTimeoutMs,
  });
  const load = new RequestLoad();
  const batch = batchService(env, tinykv.unary, load);
  const stream = new Map<string, StreamHandler>([
    ...tinykv.stream,
    ...batch.stream,
    ...store.streams(),
  ]);
  const led = (): readonly RegionStatus[] =>
    store.regions().filter(({ role }) => role === 'StateLeader');
  const { safePoint } = store;
  const gc = createGc(env, peers, { scheduler, safePoint, gc: txn.gc, led, fatal }, config);
  const host = { expiry: raw.expiry, hasExpiries: () => hasExpiries(kv, api), led, fatal };
  const expiry = new ExpiryWorker(env, host, config);
  return {
    storeId: store.storeId,
    clusterId: store.ident.clusterId,
    services: () => ({ unary: underLoad(tinykv.unary, load), stream }),
    start: async () => {
      await store.start();
      gc.start();
      expiry.start();
    },
    transferLeaders: () => store.transferLeaders(),
    stop: async () => {
      peers.close();
      await gc.stop();
      await expiry.stop();
      await store.stop();
    },
    regions: () => store.regions(),
    get readOnly() {
      return store.readOnly;
    },
    get notReady() {
      return whyStoreNotReady(store.regions());
    },
    memory: store.budget,
  };
}
