import {
  EMPTY_BYTES,
  type Env,
  errorMessage,
  type PeerId,
  type Rng,
  type StoreId,
  type Timer,
} from '@tinykv/base';
import type { Cluster } from './cluster.js';
import { PresentView } from './cluster-view.js';
import { policyConfig, type SchedulerConfig } from './config.js';
import type { IdAllocator } from './id-alloc.js';
import { type Operator, priorities } from './operator.js';
import { buildOperator, DRAFT_PEER_ID, needsPeerId, type Purpose } from './operator-builder.js';
import type { AddRefusal, OperatorDriver } from './operator-driver.js';
import { balanceLeader } from './policy/balance-leader.js';
import { balanceRegion } from './policy/balance-region.js';
import { checkReplicas } from './policy/replica-checker.js';
import type { ClusterView, Plan, PolicyConfig } from './policy/view.js';
import { describeMissing } from './preparation.js';
import type { StateGroup } from './state-group.js';

/** Regions that one round of the patrol looks at. */
const PATROL_REGIONS = 128;
const EXPIRE_INTERVAL_MS = 1_000;
/** By so much the pause between tries of a balance policy grows while it finds nothing to do. */
const BACKOFF = 1.3;

const purposes = {
  replica: { desc: 'replica-checker', kind: 'replica', priority: priorities.high },
  balanceRegion: { desc: 'balance-region', kind: 'balance', priority: priorities.normal },
  balanceLeader: { desc: 'balance-leader', kind: 'balance', priority: priorities.normal },
} as const satisfies Record<string, Purpose>;

export interface CoordinatorPorts {
  readonly env: Env;
  readonly config: SchedulerConfig;
  readonly group: StateGroup;
  readonly cluster: Cluster;
  readonly driver: OperatorDriver;
  readonly ids: IdAllocator;
}

/** Why no operator came of a plan. */
export type PlanRefusal = AddRefusal | 'no-id';

/**
 * Sets the policies to work, for as long as this member leads: the patrol takes every Region past the
 * replica checker; balance policies run on their own timers, quickly while they find work.
 */
export class Coordinator {
  readonly #ports: CoordinatorPorts;
  readonly #policy: PolicyConfig;
  readonly #rng: Rng;
  readonly #timers = new Set<Timer>();
  #patrolKey: Uint8Array = EMPTY_BYTES;
  readonly #burying = new Set<number>();
  #isPrepared = false;

  constructor(ports: CoordinatorPorts) {
    this.#ports = ports;
    this.#policy = policyConfig(ports.config);
    this.#rng = ports.env.rng.fork('coordinator');
  }

  start(): void {
    const { config, driver } = this.#ports;
    const limit = {
      region: (): boolean => driver.count('region') < config.regionScheduleLimit,
      leader: (): boolean => driver.count('leader') < config.leaderScheduleLimit,
    };
    this.#every(config.patrolIntervalMs, () => this.#patrol());
    this.#every(config.storeCheckIntervalMs, () => this.#buryDrained());
    this.#every(EXPIRE_INTERVAL_MS, () => driver.expire());
    this.#balance(limit.region, purposes.balanceRegion, (view) =>
      balanceRegion(view, this.#rng, this.#policy),
    );
    this.#balance(limit.leader, purposes.balanceLeader, (view) =>
      balanceLeader(view, this.#rng, this.#policy),
    );
  }

  stop(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  /** Makes an operator of a plan and starts it. */
  execute(plan: Plan, purpose: Purpose): PlanRefusal | undefined {
    const { driver, ids } = this.#ports;
    if (!needsPeerId(plan)) return driver.add(this.#build(plan, purpose, 0));
    const refusal = driver.refusalOf(this.#build(plan, purpose, DRAFT_PEER_ID));
    if (refusal !== undefined) return refusal;
    const peerId = ids.tryAllocate();
    if (peerId === undefined) return 'no-id';
    return driver.add(this.#build(plan, purpose, peerId));
  }

  #build(plan: Plan, purpose: Purpose, peerId: PeerId): Operator {
    const { driver, config } = this.#ports;
    const canLead = (storeId: StoreId): boolean => driver.canLead(storeId);
    return buildOperator(plan, purpose, peerId, config.learnersFirst, canLead);
  }

  view(): ClusterView {
    const { cluster, driver, group, config } = this.#ports;
    const maxReplicas = group.state.cluster?.maxPeerCount || config.maxReplicas;
    return new PresentView(cluster, driver, maxReplicas);
  }

  #after(ms: number, fn: () => void): void {
    const timer = this.#ports.env.clock.after(ms, () => {
      this.#timers.delete(timer);
      fn();
    });
    this.#timers.add(timer);
  }

  #every(ms: number, fn: () => void): void {
    this.#after(ms, () => {
      this.#every(ms, fn);
      fn();
    });
  }

  /** Says once how scheduling begins. */
  #prepare(): boolean {
    if (this.#isPrepared) return true;
    const { cluster, env } = this.#ports;
    const preparation = cluster.preparation();
    if (preparation.type === 'collecting') return false;
    this.#isPrepared = true;
    if (preparation.type === 'incomplete') {
      const missing = describeMissing(preparation.missing);
      env.logger.warn('scheduling begins though not all regions have been reported', { missing });
    } else {
      env.logger.info('scheduling begins', { regions: cluster.regions.size });
    }
    return true;
  }

  #patrol(): void {
    const { cluster, driver, config } = this.#ports;
    if (!this.#prepare()) return;
    const regions = cluster.regions.scan(this.#patrolKey, EMPTY_BYTES, PATROL_REGIONS);
    this.#patrolKey = regions.at(-1)?.range.end ?? EMPTY_BYTES;
    let room = config.replicaScheduleLimit - driver.count('replica');
    let view = this.view();
    for (const region of regions) {
      if (room <= 0) return;
      const plan = checkReplicas(view, region, this.#policy);
      if (plan === undefined || this.execute(plan, purposes.replica) !== undefined) continue;
      // The next choice must see what this one changes.
      view = this.view();
      room--;
    }
  }

  #balance(
    hasRoom: () => boolean,
    purpose: Purpose,
    policy: (view: ClusterView) => Plan | undefined,
  ): void {
    const { scheduleIntervalMinMs: min, scheduleIntervalMaxMs: max } = this.#ports.config;
    const run = (pauseMs: number): void =>
      this.#after(pauseMs, () => {
        const isBusy = this.#balanceOnce(hasRoom, purpose, policy);
        run(isBusy ? min : Math.min(max, pauseMs * BACKOFF));
      });
    run(min);
  }

  /** True when an operator came of it. */
  #balanceOnce(
    hasRoom: () => boolean,
    purpose: Purpose,
    policy: (view: ClusterView) => Plan | undefined,
  ): boolean {
    if (!this.#prepare() || !hasRoom()) return false;
    const plan = policy(this.view());
    return plan !== undefined && this.execute(plan, purpose) === undefined;
  }

  /** Offline stores that hold nothing any more become tombstones. */
  #buryDrained(): void {
    const { cluster, driver } = this.#ports;
    const influence = driver.influence();
    for (const { id, state } of cluster.stores()) {
      const isAwaited = (influence.get(id)?.incoming ?? 0) > 0;
      if (state === 'offline' && !isAwaited && cluster.isDrained(id)) this.#bury(id);
    }
  }

  #bury(storeId: number): void {
    const { group, env } = this.#ports;
    if (this.#burying.has(storeId)) return;
    this.#burying.add(storeId);
    group.propose({ type: 'set-store-state', storeId, state: 'tombstone' }).then(
      (outcome) => {
        this.#burying.delete(storeId);
        env.logger.info('offline store holds nothing any more', { store: storeId, outcome });
      },
      (error: unknown) => {
        // The next check tries again.
        this.#burying.delete(storeId);
        env.logger.warn('store not buried', { store: storeId, error: errorMessage(error) });
      },
    );
  }
}
