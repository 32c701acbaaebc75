import type { Env } from '@tinykv/base';
import { AdminConnection, describeEnd, waitReady } from '@tinykv/kvs';
import { Cluster } from '../../playground/cluster.js';
import { choosePorts } from '../../playground/ports.js';
import { CliError } from '../../program.js';
import { countFsyncs } from '../fsyncs.js';
import type { Resources } from './resources.js';
import { makeTempFolder } from './temp-folder.js';
import type { ProcessRef } from './usage.js';

const STORES = 3;
/** Above it blocks of ports are tried until one is free; below the ports that outgoing connections get. */
const PORT_BASE = 21_000;
const READY_MS = 120_000;
const LOG_TAIL_LINES = 3;

/** A playground of our own: scheduler, three stores and gateway, with their data in a temporary folder. */
export interface OurCluster {
  readonly scheduler: string;
  readonly gateway: string;
  readonly processes: readonly ProcessRef[];
  /** Which process has ended and how; undefined while all run. */
  readonly failure: () => string | undefined;
  /** fdatasyncs of the stores so far. */
  fsyncs(): Promise<number | undefined>;
}

export async function startOurCluster(env: Env, resources: Resources): Promise<OurCluster> {
  const ports = await choosePorts(PORT_BASE, STORES);
  if (ports === undefined) throw new CliError('there is no free block of ports');
  const folder = makeTempFolder(resources, 'ours');
  let failure: string | undefined;
  const cluster = new Cluster({
    dataDir: folder,
    block: ports.block,
    stores: STORES,
    gateway: true,
    storeArgs: [],
    schedulerArgs: [],
    onEnd: (member, end) => {
      if (end.asked) return;
      const tail = member.logTail(LOG_TAIL_LINES);
      failure ??= `${member.spec.name} has ended with ${describeEnd(end)}: ${tail}`;
    },
  });
  resources.add({
    stop: () => cluster.stopAll(),
    kill: () => void cluster.killAll(),
  });
  cluster.startAll();
  const admin = new AdminConnection(env, [cluster.schedulerAddress]);
  const missing = await waitReady({
    admin: () => admin.get(),
    stores: STORES,
    gatewayStatus: cluster.member('gateway')?.spec.statusAddress,
    timeoutMs: READY_MS,
    aborted: () => failure !== undefined || resources.isClosed,
  });
  admin.close();
  if (missing !== undefined)
    throw new CliError(`the playground is not ready: ${failure ?? missing}`);
  const pages = cluster.stores.map((member) => member.spec.statusAddress);
  return {
    scheduler: cluster.schedulerAddress,
    gateway: cluster.gatewayAddress,
    processes: cluster.members.map(({ spec, pid }) => ({ name: spec.name, pid: pid ?? 0 })),
    failure: () => failure,
    fsyncs: () => countFsyncs(pages),
  };
}
