import { errorMessage } from '@tinykv/base';
import type { Violation } from '../checkers/history.js';
import { Cluster } from '../cluster/cluster.js';
import { Nemesis } from '../faults/nemesis.js';
import { World } from '../world/world.js';
import { divergence, unsettled } from './converge.js';
import { Oracles } from './oracles.js';
import type { Plan } from './plan.js';
import { Tally } from './tally.js';
import { Watch } from './watch.js';
import { Workloads } from './workloads.js';

/** How long a healed cluster may take until everything is level again, in simulated milliseconds. */
const HEALING_MS = 90_000;
/** Events without end are a bug of their own. */
const EVENTS_MAX = 3_000_000;

export interface RunOptions {
  readonly log?: boolean;
  /** Stop at this event, whatever the state. */
  readonly untilEvent?: number;
}

export interface RunResult {
  readonly plan: Plan;
  /** Of all events: equal for equal plans. */
  readonly hash: string;
  readonly events: number;
  readonly simulatedMs: number;
  readonly violations: readonly Violation[];
  readonly tally: Tally;
  readonly lines: readonly string[];
}

/** Runs one plan: faults with clients at work, then healing, then judgement. */
export async function runSeed(plan: Plan, options: RunOptions = {}): Promise<RunResult> {
  const world = new World(`${plan.seed}`, { log: options.log ?? false });
  const tally = new Tally();
  const run = new Run(world, plan, tally);
  const violations = await run.execute(options.untilEvent ?? EVENTS_MAX);
  return {
    plan,
    hash: world.hash,
    events: world.events,
    simulatedMs: world.now,
    violations,
    tally,
    lines: world.lines,
  };
}

class Run {
  readonly #world: World;
  readonly #plan: Plan;
  readonly #tally: Tally;
  readonly #cluster: Cluster;
  readonly #nemesis: Nemesis;
  readonly #workloads: Workloads;
  readonly #oracles: Oracles;
  #stopping = false;
  #ticks = 0;

  constructor(world: World, plan: Plan, tally: Tally) {
    this.#world = world;
    this.#plan = plan;
    this.#tally = tally;
    const planted = new Set(plan.planted);
    this.#oracles = new Oracles();
    this.#cluster = new Cluster({
      world,
      shape: plan.shape,
      network: plan.network,
      planted: (name) => planted.has(name),
      onCrash: (node, loss) => {
        if (loss.lost > 0) tally.event('crash that loses un-fsynced bytes');
        if (loss.lost > 0 && loss.kept > 0) tally.event('torn batch');
        if (node === this.#cluster.scheduler) tally.event('scheduler restart');
        this.#nemesis.stopped(node);
      },
      onPoint: (name) => {
        if (name === 'snapshot-after-data') tally.event('snapshot applied');
      },
    });
    this.#nemesis = new Nemesis(this.#cluster, tally);
    this.#workloads = new Workloads(plan, {
      cluster: this.#cluster,
      rng: world.rng.fork('workloads'),
      tally,
      thinkMs: plan.thinkMs,
      tick: () => ++this.#ticks,
      stopping: () => this.#stopping,
    });
  }

  async execute(eventsMax: number): Promise<Violation[]> {
    try {
      const outcome = await this.#live(eventsMax);
      if (outcome !== undefined) return [outcome];
    } catch (error) {
      return [{ oracle: 'crash', message: errorMessage(error), history: stackOf(error) }];
    }
    if (this.#world.events >= eventsMax) return [];
    return [...this.#oracles.violations, ...this.#workloads.judge()];
  }

  /** Both phases; a violation of liveness when the second does not end. */
  async #live(eventsMax: number): Promise<Violation | undefined> {
    const world = this.#world;
    new Watch(this.#cluster, this.#tally, () => this.#oracles.sample(this.#cluster)).start();
    void this.#cluster.startAll();
    this.#nemesis.schedule(this.#plan.faults);
    let done = false;
    const clients = this.#workloads.run().then(() => {
      done = true;
    });
    await world.run(() => world.now >= this.#plan.durationMs, eventsMax);
    world.log('run', 'heals');
    this.#stopping = true;
    await this.#nemesis.heal();
    const deadline = world.now + HEALING_MS;
    let reason: string | undefined = 'clients have not finished';
    let nextLook = 0;
    const settled = (): boolean => {
      if (world.now < nextLook) return false;
      nextLook = world.now + 100;
      reason = done ? unsettled(this.#cluster) : 'clients have not finished';
      return reason === undefined;
    };
    await world.run(() => settled() || world.now >= deadline, eventsMax);
    if (world.events >= eventsMax) return undefined;
    if (reason !== undefined) {
      return {
        oracle: 'liveness',
        message: `${HEALING_MS} ms after healing: ${reason}`,
        history: [],
      };
    }
    await clients;
    await this.#finalReads(eventsMax);
    const different = await divergence(this.#cluster);
    if (different === undefined) return undefined;
    return { oracle: 'replicas', message: different, history: [] };
  }

  async #finalReads(eventsMax: number): Promise<void> {
    let done = false;
    const reads = this.#workloads.finalReads().then(() => {
      done = true;
    });
    const deadline = this.#world.now + HEALING_MS;
    await this.#world.run(() => done || this.#world.now >= deadline, eventsMax);
    if (done) await reads;
    else throw new Error('the final reads do not end');
  }
}

function stackOf(error: unknown): string[] {
  return error instanceof Error ? (error.stack ?? '').split('\n').slice(0, 12) : [];
}
