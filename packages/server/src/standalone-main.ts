import { join } from 'node:path';
import { KvError, type ServiceTable, type Timestamp } from '@tinykv/base';
import { SchedulerClient, storeRouter } from '@tinykv/client';
import { NodeLogFiles, SegmentedRaftLog } from '@tinykv/engine';
import type { RealEnv } from '@tinykv/env-real';
import { createScheduler } from '@tinykv/scheduler';
import { hasExpiries, RawExecutor, TxnExecutor } from '@tinykv/txn';
import { EXIT } from './config/command-line.js';
import {
  apiOf,
  engineOf,
  minFreeBytesOf,
  REQUEST_TIMEOUT_MS,
  reserveBytesOf,
  type StoreSettings,
} from './config/store-settings.js';
import { openDataFolder } from './data-folder.js';
import type { Service } from './service-process.js';
import { StartError } from './start-error.js';
import { fullOf, openEngine } from './storage.js';
import { batchService } from './store/batch-service.js';
import { createGc } from './store/create-gc.js';
import { rangeDestroyer, standaloneDestroyer } from './store/destroy-range.js';
import { ExpiryWorker } from './store/expiry-worker.js';
import { defaultGcConfig, type LedRegion } from './store/gc-worker.js';
import { RequestLoad, underLoad } from './store/request-load.js';
import { SpaceWatch } from './store/space-watch.js';
import { STANDALONE_REGION, StandaloneAccess } from './store/standalone.js';
import { StandaloneRegistration } from './store/standalone-registration.js';
import { tinykvService } from './store/tinykv-service.js';

const DRAIN_MS = 2_000;
/** In the data folder: what the scheduler inside keeps. */
export const STANDALONE_SCHEDULER_DIR = 'scheduler';

/**
 * One engine behind the same services, without Raft. A scheduler in the same process answers at the same
 * port, so that transactions have timestamps that never go back, and clients and gateways find the store as they
 * find a cluster: its address is that of its scheduler.
 */
export async function startStandalone(
  env: RealEnv,
  settings: StoreSettings,
  fatal: (error: unknown) => void,
): Promise<Service> {
  const engine = engineOf(settings);
  const api = apiOf(settings);
  const folder = await openDataFolder(settings.path, 'standalone store', engine);
  const { logger } = env;
  const reserve = await folder.holdReserve(reserveBytesOf(settings), logger);
  const kv = await folder.withRoom(logger, () =>
    openEngine(engine, settings.path, { logger, failed: fatal }),
  );
  const floors = { minFreeBytes: minFreeBytesOf(settings), engineFull: () => fullOf(kv) };
  const space = new SpaceWatch(env, floors, reserve);
  await space.start();
  const log = new SegmentedRaftLog(
    new NodeLogFiles(join(settings.path, STANDALONE_SCHEDULER_DIR, 'raft')),
  );
  // The port may be known only later, and is filled in then.
  const clientUrls = [`http://${settings.advertiseAddr || settings.addr}`];
  const scheduler = await createScheduler(
    env,
    { log, fatal },
    { name: 'standalone', clientUrls, maxReplicas: 1, api },
  );
  let client: SchedulerClient | undefined;
  const started = (): SchedulerClient => {
    if (client === undefined) throw new KvError('UNAVAILABLE', 'the store is starting');
    return client;
  };
  const timestamp = async (): Promise<Timestamp> => started().tso(1);
  const resolvedUpTo = async (): Promise<Timestamp> => (await started().gcProgress()).resolved;
  const access = new StandaloneAccess(kv, api, space);
  const txn = new TxnExecutor(env, access, timestamp, { resolvedUpTo });
  const raw = new RawExecutor(env, access, timestamp);
  const { unary, stream } = tinykvService(env, {
    access,
    txn,
    raw,
    destroyRange: rangeDestroyer(standaloneDestroyer(kv, api), api),
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
  });
  const load = new RequestLoad();
  const server = await env.net.serve(
    settings.addr,
    together(
      scheduler.services(),
      { unary: underLoad(unary, load), stream },
      batchService(env, unary, load),
    ),
  );
  const address = settings.advertiseAddr || server.address;
  clientUrls[0] = `http://${address}`;
  await scheduler.start();
  client = await SchedulerClient.connect(env, [address]);
  folder.bindCluster(client.clusterId);
  const registration = new StandaloneRegistration(env, client, settings.storeHeartbeatInterval);
  const made = await registration.start(address, api);
  if (made !== api) {
    const text = `${settings.path} was made with the api ${made}: it cannot be opened with ${api}`;
    throw new StartError(text, EXIT.failure);
  }
  const led = (): readonly LedRegion[] => [{ region: STANDALONE_REGION, peerId: 1 }];
  const { safePoint } = access;
  const self = storeRouter(env, api, client);
  const host = { scheduler: client, safePoint, gc: txn.gc, led, fatal };
  const gc = createGc(env, self, host, defaultGcConfig);
  gc.start();
  const expiry = new ExpiryWorker(
    env,
    { expiry: raw.expiry, hasExpiries: () => hasExpiries(kv, api), led, fatal },
    defaultGcConfig,
  );
  expiry.start();
  env.logger.info('standalone store serves', { address: server.address });
  return {
    status: () => ({
      standalone: true,
      address,
      clusterId: scheduler.status().clusterId,
      diskFull: space.diskFull ?? '',
    }),
    stop: async () => {
      space.stop();
      registration.stop();
      self.close();
      await gc.stop();
      await expiry.stop();
      await server.close(DRAIN_MS);
      client.close();
      await scheduler.stop();
      await log.close();
      await kv.close();
      await folder.release();
    },
  };
}

function together(...tables: readonly ServiceTable[]): ServiceTable {
  return {
    unary: new Map(tables.flatMap((table) => [...table.unary])),
    stream: new Map(tables.flatMap((table) => [...table.stream])),
  };
}
