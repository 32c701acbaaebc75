import { hostname } from 'node:os';
import { join } from 'node:path';
import { NodeLogFiles, SegmentedRaftLog } from '@tinykv/engine';
import type { RealEnv } from '@tinykv/env-real';
import { createScheduler, type SchedulerConfig } from '@tinykv/scheduler';
import {
  addressOfUrl,
  type SchedulerSettings,
  STATUS_PORT_OFFSET,
  schedulerSchema,
  validateSchedulerSettings,
} from './config/scheduler-settings.js';
import { openDataFolder } from './data-folder.js';
import { runServiceProcess, type Service, type ServiceProgram } from './service-process.js';

const DRAIN_MS = 3_000;

const program: ServiceProgram<SchedulerSettings> = {
  name: 'scheduler',
  description:
    'The brain of a cluster: ids, timestamps, and where the replicas of each Region are.',
  schema: schedulerSchema,
  validate: validateSchedulerSettings,
  examples: [
    'scheduler --data-dir /var/lib/tinykv/scheduler',
    'scheduler -name s1 -client-urls http://127.0.0.1:12379 -L debug',
    'scheduler --config scheduler.toml --config-check',
  ],
  serviceAddress: ({ clientUrls }) => addressOfUrl(clientUrls[0] ?? ''),
  addressFlag: '--client-urls',
  dataDir: dataDirOf,
  statusPortOffset: STATUS_PORT_OFFSET,
  filesDir: dataDirOf,
  start: startScheduler,
};

/** `scheduler`, also called `tinyscheduler-server`. */
export function runSchedulerServer(argv: readonly string[]): Promise<number> {
  return runServiceProcess(program, argv);
}

function nameOf(settings: SchedulerSettings): string {
  return settings.name === '' ? `pd-${hostname()}` : settings.name;
}

function dataDirOf(settings: SchedulerSettings): string {
  return settings.dataDir === '' ? `default.${nameOf(settings)}` : settings.dataDir;
}

async function startScheduler(
  env: RealEnv,
  settings: SchedulerSettings,
  fatal: (error: unknown) => void,
): Promise<Service> {
  const folder = await openDataFolder(dataDirOf(settings), 'scheduler');
  const log = new SegmentedRaftLog(new NodeLogFiles(join(folder.path, 'raft')));
  const scheduler = await createScheduler(env, { log, fatal }, schedulerConfig(settings));
  const address = addressOfUrl(settings.clientUrls[0] ?? '');
  const server = await env.net.serve(address, scheduler.services());
  await scheduler.start();
  const { clusterId } = scheduler.status();
  folder.bindCluster(clusterId);
  env.logger.info('scheduler serves', { address: server.address, cluster_id: clusterId });
  return {
    status: () => ({ ...scheduler.status(), address }),
    notReady: () => (scheduler.status().leading ? undefined : 'this scheduler does not lead'),
    stop: async () => {
      await server.close(DRAIN_MS);
      await scheduler.stop();
      await log.close();
      await folder.release();
    },
  };
}

function schedulerConfig(settings: SchedulerSettings): Partial<SchedulerConfig> {
  const { clientUrls, advertiseClientUrls, peerUrls, advertisePeerUrls } = settings;
  return {
    name: nameOf(settings),
    clientUrls: advertiseClientUrls.length > 0 ? advertiseClientUrls : clientUrls,
    peerUrls: advertisePeerUrls.length > 0 ? advertisePeerUrls : peerUrls,
    maxReplicas: settings.maxReplicas,
    patrolIntervalMs: settings.patrolRegionInterval,
    maxStoreDownTimeMs: settings.maxStoreDownTime,
    leaderScheduleLimit: settings.leaderScheduleLimit,
    regionScheduleLimit: settings.regionScheduleLimit,
    replicaScheduleLimit: settings.replicaScheduleLimit,
    gcLifeMs: settings.gcLifeTime,
    gcIntervalMs: settings.gcRunInterval,
  };
}
