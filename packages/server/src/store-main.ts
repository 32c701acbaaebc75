import { join } from 'node:path';
import { SchedulerClient } from '@tinykv/client';
import type { RealEnv } from '@tinykv/env-real';
import { defaultRaftStoreConfig, registeredCluster } from '@tinykv/raftstore';
import {
  apiOf,
  engineOf,
  minFreeBytesOf,
  REQUEST_TIMEOUT_MS,
  reserveBytesOf,
  STATUS_PORT_OFFSET,
  type StoreSettings,
  storeSchema,
  validateStoreSettings,
} from './config/store-settings.js';
import { openDataFolder } from './data-folder.js';
import { runServiceProcess, type Service, type ServiceProgram } from './service-process.js';
import { STANDALONE_SCHEDULER_DIR, startStandalone } from './standalone-main.js';
import { fullOf, openEngine, raftLogFor } from './storage.js';
import { createStore, type StoreConfig, type StoreNode } from './store/create-store.js';
import { defaultGcConfig } from './store/gc-worker.js';
import { SpaceWatch } from './store/space-watch.js';

/** Rounds over the schedulers before a start gives up. */
const SCHEDULER_RETRIES = 10;
/** Shares of the ten seconds that a stop may take. */
const HANDOVER_MS = 3_000;
const DRAIN_MS = 2_000;
/** Streams of other stores do not end by themselves: when all stop, waiting for them only takes time. */
const QUICK_DRAIN_MS = 300;

const program: ServiceProgram<StoreSettings> = {
  name: 'tinykv-server',
  description: 'A store: keeps peers of many Regions and serves their keys.',
  schema: storeSchema,
  validate: validateStoreSettings,
  examples: [
    'tinykv-server --scheduler 127.0.0.1:2379 --addr 127.0.0.1:20160 --path /var/lib/tinykv',
    'tinykv-server -addr=127.0.0.1:20161 -path=./store-2 -loglevel debug',
    'tinykv-server --raft=false --path ./alone',
  ],
  serviceAddress: ({ addr }) => addr,
  addressFlag: '--addr',
  dataDir: ({ path }) => path,
  statusPortOffset: STATUS_PORT_OFFSET,
  filesDir: ({ path, raft }) => join(path, raft ? 'snap' : STANDALONE_SCHEDULER_DIR),
  start: (env, settings, fatal) =>
    settings.raft ? startRaftStore(env, settings, fatal) : startStandalone(env, settings, fatal),
};

/** `tinykv-server`. */
export function runStoreServer(argv: readonly string[]): Promise<number> {
  return runServiceProcess(program, argv);
}

async function startRaftStore(
  env: RealEnv,
  settings: StoreSettings,
  fatal: (error: unknown) => void,
): Promise<Service> {
  const engine = engineOf(settings);
  const folder = await openDataFolder(settings.path, 'store', engine);
  const { logger } = env;
  // Before the scheduler hears of this store: one that cannot serve must take no id and bootstrap no cluster.
  const place = await env.net.hold(settings.addr);
  const reserve = await folder.holdReserve(reserveBytesOf(settings), logger);
  const kv = await folder.withRoom(logger, () =>
    openEngine(engine, settings.path, { logger, failed: fatal }),
  );
  const scheduler = await SchedulerClient.connect(env, settings.scheduler, {
    retries: SCHEDULER_RETRIES,
    clusterId: registeredCluster(kv),
  });
  folder.bindCluster(scheduler.clusterId);
  const log = raftLogFor(engine, settings.path);
  const floors = { minFreeBytes: minFreeBytesOf(settings), engineFull: () => fullOf(kv) };
  const space = new SpaceWatch(env, floors, reserve);
  await space.start();
  const parts = { kv, log, scheduler, space, fatal };
  const store = await createStore(env, parts, storeConfig(settings));
  const server = place.serve(store.services());
  await store.start();
  env.logger.info('store serves', {
    store_id: store.storeId,
    cluster_id: store.clusterId,
    address: server.address,
  });
  const fsyncs = env.metrics.gauge(
    'tinykv_raft_log_fsyncs',
    'fsyncs of the Raft log since the start',
  );
  const readOnly = env.metrics.gauge(
    'tinykv_store_read_only',
    '1 while the disk of the Raft log is full and writes are refused',
  );
  const diskFull = env.metrics.gauge(
    'tinykv_store_disk_full',
    '1 while too little of the disk is free and puts are refused',
  );
  const held = env.metrics.gauge(
    'tinykv_raft_memory_bytes',
    'Bytes that the inboxes, the entries on their way to the disk and the entry caches of all Regions hold',
  );
  return {
    status: () => ({
      storeId: store.storeId,
      clusterId: store.clusterId,
      address: settings.addr,
      readOnly: store.readOnly ?? '',
      diskFull: space.diskFull ?? '',
      memory: { used: store.memory.used, limit: store.memory.limit },
      regions: store.regions(),
    }),
    notReady: () => store.notReady,
    refreshMetrics: () => {
      fsyncs.set(log.syncs);
      readOnly.set(store.readOnly === undefined ? 0 : 1);
      diskFull.set(space.diskFull === undefined ? 0 : 1);
      held.set(store.memory.used);
    },
    stop: async (signal) => {
      const isAlone = signal !== 'SIGINT';
      if (isAlone) await handOver(env, store);
      await server.close(isAlone ? DRAIN_MS : QUICK_DRAIN_MS);
      space.stop();
      await store.stop();
      await log.close();
      await kv.close();
      scheduler.close();
      await folder.release();
    },
  };
}

/** Gives leadership away, so that clients need not wait for elections; gives up in time. */
async function handOver(env: RealEnv, store: StoreNode): Promise<void> {
  const deadline = env.clock.mono() + HANDOVER_MS;
  while (!store.transferLeaders() && env.clock.mono() < deadline) {
    await new Promise<void>((resolve) => {
      env.clock.after(50, resolve);
    });
  }
}

function storeConfig(settings: StoreSettings): StoreConfig {
  return {
    ...defaultRaftStoreConfig,
    address: settings.advertiseAddr === '' ? settings.addr : settings.advertiseAddr,
    api: apiOf(settings),
    replica: {
      ...defaultRaftStoreConfig.replica,
      tickMs: settings.raftTickInterval,
      electionTicks: settings.raftElectionTicks,
      heartbeatTicks: settings.raftHeartbeatTicks,
      logGcIntervalMs: settings.raftLogGcInterval,
      logGcEntries: settings.raftLogGcEntries,
      logGcBytes: settings.raftLogGcSize,
      logGcAgeMs: settings.raftLogGcAge,
    },
    snapshotBytesPerSecond: settings.snapshotRate,
    memoryBytes: settings.raftMemoryLimit,
    regionMaxBytes: settings.regionMaxSize,
    regionSplitBytes: settings.regionSplitSize,
    splitCheckIntervalMs: settings.splitCheckInterval,
    regionHeartbeatMs: settings.regionHeartbeatInterval,
    storeHeartbeatMs: settings.storeHeartbeatInterval,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
    ...defaultGcConfig,
  };
}
