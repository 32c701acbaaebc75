import type { Env } from '@tinykv/base';
import { CliError } from '../../program.js';
import type { KeySpace } from '../workload.js';
import { startEtcd } from './etcd-cluster.js';
import { openEtcdPair } from './etcd-work.js';
import { openGatewayPair } from './gateway-work.js';
import { startOurCluster } from './our-cluster.js';
import { startRedis, startReplicatedRedis } from './redis-process.js';
import type { Resources } from './resources.js';
import type { Peer } from './row.js';
import type { EtcdRowName, RedisRowName, ReplicatedRowName, RowName } from './rows.js';
import { openScanPair } from './scan-pair.js';
import { isScanRow } from './scan-rows.js';
import type { Pair } from './side.js';
import { openTxnPair } from './txn-pair.js';
import { isTxnRow } from './txn-rows.js';
import type { ProcessRef } from './usage.js';

export const PEER_DOC: Readonly<Record<Peer, string>> = {
  etcd: '3 members of etcd with its default durability',
  redis: 'one redis-server with appendonly yes and appendfsync always',
  'redis-replicated':
    'a redis-server with two replicas, all with appendonly yes and appendfsync always',
};

/** Ours and the peer, both running. */
export interface Systems {
  readonly processes: readonly ProcessRef[];
  /** Throws {@link CliError} when one of the processes has ended. */
  checkAlive(): void;
  openPair(name: Exclude<RowName, 'raftlog'>): Promise<Pair>;
}

export async function startSystems(
  peer: Peer,
  env: Env,
  resources: Resources,
  space: KeySpace,
): Promise<Systems> {
  const ours = await startOurCluster(env, resources);
  if (peer === 'etcd') {
    const etcd = await startEtcd(resources);
    return {
      processes: [...ours.processes, ...etcd.processes],
      checkAlive: () => checkAlive(ours, etcd),
      openPair: (name) => {
        if (isTxnRow(name)) return openTxnPair(name, ours, etcd, space);
        if (isScanRow(name)) return openScanPair(name, ours, etcd);
        return openEtcdPair(name as EtcdRowName, ours, etcd, space);
      },
    };
  }
  const redis = await (peer === 'redis' ? startRedis(resources) : startReplicatedRedis(resources));
  return {
    processes: [...ours.processes, ...redis.processes],
    checkAlive: () => checkAlive(ours, redis),
    openPair: (name) =>
      openGatewayPair(name as RedisRowName | ReplicatedRowName, ours, redis, space),
  };
}

interface Mortal {
  readonly failure: () => string | undefined;
}

function checkAlive(...systems: readonly Mortal[]): void {
  for (const { failure } of systems) {
    const why = failure();
    if (why !== undefined) throw new CliError(why);
  }
}
