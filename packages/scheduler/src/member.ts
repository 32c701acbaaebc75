import { assert, type Env, errorMessage, type ServiceTable, type Timer } from '@tinykv/base';
import type { SchedulerConfig } from './config.js';
import { HeartbeatStreams } from './heartbeat-streams.js';
import { IdAllocator } from './id-alloc.js';
import { Leadership } from './leadership.js';
import { schedulerService } from './service/service.js';
import type { StateGroup } from './state-group.js';
import { TsoServer } from './tso-server.js';

const SECONDS_BITS = 2 ** 21;
const RETRY_MS = 200;

export interface SchedulerStatus {
  readonly clusterId: number;
  readonly bootstrapped: boolean;
  readonly leading: boolean;
  readonly stores: number;
  readonly regions: number;
  readonly operators: number;
  /** Enough is known of the Regions to schedule them. */
  readonly prepared: boolean;
}

/** One member of the scheduler on any StateGroup: it follows the leadership and serves while it lasts. */
export class SchedulerMember {
  readonly #env: Env;
  readonly #config: SchedulerConfig;
  readonly #group: StateGroup;
  readonly #ids: IdAllocator;
  readonly #tso: TsoServer;
  readonly #streams: HeartbeatStreams;
  #leadership: Leadership | undefined;
  #naming = false;
  #retry: Timer | undefined;
  #isStopped = false;
  #whenReady: (() => void)[] = [];

  constructor(env: Env, group: StateGroup, config: SchedulerConfig) {
    this.#env = env;
    this.#config = config;
    this.#group = group;
    this.#ids = new IdAllocator(group);
    this.#tso = new TsoServer(group, env, config.tsoSaveIntervalMs);
    this.#streams = new HeartbeatStreams(env.clock);
    group.onLeadership(() => this.#follow());
  }

  services(): ServiceTable {
    return schedulerService({
      env: this.#env,
      config: this.#config,
      group: this.#group,
      ids: this.#ids,
      tso: this.#tso,
      streams: this.#streams,
      leadership: () => (this.#group.leaseValid() ? this.#leadership : undefined),
    });
  }

  /** Resolves once this member leads and the cluster has its id. */
  start(): Promise<void> {
    this.#tso.start();
    this.#streams.start(() => this.#group.state.clusterId);
    const ready = new Promise<void>((resolve) => this.#whenReady.push(resolve));
    this.#follow();
    return ready;
  }

  stop(): void {
    this.#isStopped = true;
    this.#retry?.cancel();
    this.#leadership?.stop();
    this.#leadership = undefined;
    this.#streams.stop();
    this.#tso.stop();
  }

  status(): SchedulerStatus {
    const { clusterId, cluster, stores } = this.#group.state;
    return {
      clusterId,
      bootstrapped: cluster !== undefined,
      leading: this.#leadership !== undefined,
      stores: stores.size,
      regions: this.#leadership?.cluster.regions.size ?? 0,
      operators: this.#leadership?.driver.size ?? 0,
      prepared: this.#leadership?.cluster.isPrepared() ?? false,
    };
  }

  #follow(): void {
    if (this.#isStopped) return;
    const term = this.#group.leaderTerm();
    if (this.#leadership !== undefined && this.#leadership.term !== term) {
      this.#env.logger.info('leadership ends', { term: this.#leadership.term });
      this.#leadership.stop();
      this.#leadership = undefined;
    }
    if (term !== undefined) this.#nameCluster();
    if (term !== undefined && this.#group.state.clusterId !== 0) this.#lead(term);
    this.#tso.onLeadership();
  }

  #lead(term: number): void {
    if (this.#leadership !== undefined) return;
    const ports = {
      env: this.#env,
      config: this.#config,
      group: this.#group,
      ids: this.#ids,
      streams: this.#streams,
    };
    this.#leadership = new Leadership(ports, term);
    this.#leadership.start();
    this.#env.logger.info('leadership begins', { term, cluster: this.#group.state.clusterId });
    for (const resolve of this.#whenReady.splice(0)) resolve();
  }

  /** The first leader ever gives the cluster its id: seconds of the epoch, then random bits; below 2^53. */
  #nameCluster(): void {
    if (this.#group.state.clusterId !== 0 || this.#naming) return;
    this.#naming = true;
    const seconds = Math.floor(this.#env.clock.wall() / 1000);
    const clusterId = seconds * SECONDS_BITS + this.#env.rng.fork('cluster').int(1, SECONDS_BITS);
    assert(Number.isSafeInteger(clusterId), () => `cluster id ${clusterId}`);
    this.#group.propose({ type: 'name-cluster', clusterId }).then(
      () => {
        this.#naming = false;
        this.#follow();
      },
      (error: unknown) => {
        this.#naming = false;
        this.#env.logger.warn('cluster not named', { error: errorMessage(error) });
        this.#retry = this.#env.clock.after(RETRY_MS, () => this.#follow());
      },
    );
  }
}
