import type { Env, Term } from '@tinykv/base';
import type { Peer, RegionOperator } from '@tinykv/model';
import { operatorToWire } from '@tinykv/proto';
import { Cluster } from './cluster.js';
import type { SchedulerConfig } from './config.js';
import { Coordinator } from './coordinator.js';
import { GcKeeper } from './gc-keeper.js';
import type { HeartbeatStreams } from './heartbeat-streams.js';
import type { IdAllocator } from './id-alloc.js';
import { ClusterMetrics } from './metrics.js';
import { OperatorDriver } from './operator-driver.js';
import { SilenceKeeper } from './silence-keeper.js';
import type { StateGroup } from './state-group.js';

export interface LeadershipPorts {
  readonly env: Env;
  readonly config: SchedulerConfig;
  readonly group: StateGroup;
  readonly ids: IdAllocator;
  readonly streams: HeartbeatStreams;
}

/** Everything that exists only while this member leads, in one term: it is thrown away with it. */
export class Leadership {
  readonly term: Term;
  readonly cluster: Cluster;
  readonly driver: OperatorDriver;
  readonly coordinator: Coordinator;
  readonly #gc: GcKeeper;
  readonly #silence: SilenceKeeper;
  readonly #metrics: ClusterMetrics;

  constructor(ports: LeadershipPorts, term: Term) {
    const { env, config, group, ids, streams } = ports;
    this.term = term;
    this.cluster = new Cluster(group.state, env.clock, config);
    this.driver = new OperatorDriver(env.clock, env.metrics, {
      region: (id) => this.cluster.regions.get(id),
      isConnected: (storeId) => this.cluster.isConnected(storeId),
      isDamaged: (peerId, storeId) => this.cluster.isDamaged(peerId, storeId),
      takesPeers: (storeId) => this.cluster.store(storeId)?.state === 'up',
      send: (leader: Peer, operator: RegionOperator): void => {
        // A member that was paused must not speak up beside its successor.
        if (!group.leaseValid()) return;
        const header = { clusterId: group.state.clusterId };
        streams.send(leader.storeId, { header, ...operatorToWire(operator) });
      },
    });
    const { cluster, driver } = this;
    this.coordinator = new Coordinator({ env, config, group, cluster, driver, ids });
    this.#gc = new GcKeeper({ env, config, group });
    this.#silence = new SilenceKeeper({ env, config, group }, cluster);
    this.#metrics = new ClusterMetrics(env, cluster, config);
  }

  start(): void {
    this.coordinator.start();
    this.#gc.start();
    this.#silence.start();
    this.#metrics.start();
  }

  stop(): void {
    this.coordinator.stop();
    this.#gc.stop();
    this.#silence.stop();
    this.#metrics.stop();
  }
}
