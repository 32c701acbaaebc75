import { errorMessage, KvError } from '@tinykv/base';
import { Deadlines } from '../checkers/deadlines.js';
import type { Violation } from '../checkers/history.js';
import { Cluster } from '../cluster/cluster.js';
import { enforceLimits, restoreLimits } from '../cluster/limits-in-force.js';
import { apiOf, type ClusterShape, schedulerConfig, storeConfig } from '../cluster/sim-config.js';
import { Nemesis } from '../faults/nemesis.js';
import { World } from '../world/world.js';
import { divergence, heldMemory, leftLock, strayData, unsettled } from './converge.js';
import { Oracles } from './oracles.js';
import type { Plan } from './plan.js';
import { DEATH_AT, Tally } from './tally.js';
import { Watch } from './watch.js';
import { Workloads } from './workloads.js';

/**
 * How long a healed cluster may take until everything is level again, in simulated milliseconds: as long, and three
 * times what a peer waits before it asks whether it still exists.
 */
const HEALING_MS = 75_000;
function healingMs(shape: ClusterShape): number {
  return HEALING_MS + 3 * storeConfig('', shape).staleLeaderMs;
}
/** How often it is looked at, in simulated milliseconds. */
const LOOK_MS = 100;
/** How long locks may stay behind once nobody writes: their time to live, the life of versions, and two collections. */
const LOCKS_MS = 60_000;
function locksMs(shape: ClusterShape): number {
  return LOCKS_MS + 2 * (schedulerConfig('', shape).gcIntervalMs ?? 0);
}
const LOCKS_LOOK_MS = 500;
/** An answer may come so much after its deadline: what it still waits for is a turn of its process. */
const DEADLINE_SLACK_MS = 100;
/** Events without end are a bug of their own. */
const EVENTS_MAX = 1_500_000;

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
  const former = enforceLimits(plan.shape.settings?.limits ?? {});
  const violations = await run
    .execute(options.untilEvent ?? EVENTS_MAX)
    .finally(() => restoreLimits(former));
  if (options.untilEvent === undefined && world.events >= EVENTS_MAX) {
    violations.push({
      oracle: 'endless',
      message: `not over after ${EVENTS_MAX} events`,
      history: [],
    });
  }
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
  readonly #deadlines = new Deadlines(DEADLINE_SLACK_MS);
  #stopping = false;
  #ticks = 0;

  constructor(world: World, plan: Plan, tally: Tally) {
    this.#world = world;
    this.#plan = plan;
    this.#tally = tally;
    this.#oracles = new Oracles();
    this.#cluster = new Cluster({
      world,
      shape: plan.shape,
      network: plan.network,
      onCrash: (node, loss) => {
        if (loss.lost > 0) tally.event('crash that loses un-fsynced bytes');
        if (loss.lost > 0 && loss.kept > 0)
          tally.event('crash that keeps some unsynced engine batches and loses others');
        if (loss.names > 0) tally.event('crash that undoes a change of names');
        if (node === this.#cluster.scheduler) tally.event('scheduler restart');
        this.#nemesis.stopped(node);
      },
      onDeath: (name) => tally.event(`${DEATH_AT}${name}`),
      onPoint: (name) => {
        tally.point(name);
        if (name === 'snapshot-after-data') tally.event('snapshot applied');
        if (name === 'gc-page-collected') tally.event('versions collected');
      },
    });
    this.#oracles.watch(this.#cluster);
    this.#nemesis = new Nemesis(this.#cluster, tally);
    this.#workloads = new Workloads(plan, {
      cluster: this.#cluster,
      rng: world.rng.fork('workloads'),
      tally,
      deadlines: this.#deadlines,
      thinkMs: plan.thinkMs,
      ...(plan.skew === undefined ? {} : { skew: plan.skew }),
      ...(plan.steps === undefined ? {} : { steps: plan.steps }),
      tick: () => ++this.#ticks,
      schedulerMs: () => this.#oracles.schedulerMs,
      stopping: () => this.#stopping,
    });
  }

  /** What the replicas show comes first: it is nearer to the cause. */
  async execute(eventsMax: number): Promise<Violation[]> {
    const ended = await this.#endOf(eventsMax);
    if (this.#world.events >= eventsMax) return [];
    return [
      ...this.#oracles.violations,
      ...this.#deadlines.violations(),
      ...(ended === undefined ? this.#workloads.judge() : [ended]),
    ];
  }

  async #endOf(eventsMax: number): Promise<Violation | undefined> {
    try {
      return await this.#live(eventsMax);
    } catch (error) {
      return { oracle: 'crash', message: errorMessage(error), history: stackOf(error) };
    }
  }

  /** Both phases; a violation of liveness when the second does not end. */
  async #live(eventsMax: number): Promise<Violation | undefined> {
    const world = this.#world;
    new Watch(this.#cluster, this.#tally, (peers) =>
      this.#oracles.sample(this.#cluster, peers),
    ).start();
    void this.#cluster.startAll();
    this.#nemesis.schedule(this.#plan.faults);
    const finished = new Set<Promise<void>>();
    const clients = this.#workloads.run();
    void clients.then(() => finished.add(clients));
    await world.run(() => world.now >= this.#plan.durationMs, eventsMax);
    if (world.events >= eventsMax) return undefined;
    world.log('run', 'heals');
    this.#stopping = true;
    const away = await this.#nemesis.heal(this.#plan.absent);
    const unfinished = (): string | undefined =>
      finished.has(clients) ? unsettled(this.#cluster, away) : 'clients have not finished';
    const stuck = await this.#within(unfinished, eventsMax);
    if (stuck !== undefined || world.events >= eventsMax) return stuck;
    await clients;
    await this.#finalReads(eventsMax);
    if (away.length > 0) {
      this.#tally.event('healing with stores away');
      world.log('run', 'the last stores come back', { stores: away.map(({ name }) => name) });
      await this.#nemesis.bringBack();
      const late = await this.#within(() => unsettled(this.#cluster), eventsMax);
      if (late !== undefined || world.events >= eventsMax) return late;
    }
    const locked = await this.#untilUnlocked(eventsMax);
    if (locked !== undefined) return locked;
    // Reads resolve locks: the replicas have to be level once more.
    const uneven = await this.#within(() => unsettled(this.#cluster), eventsMax);
    if (uneven !== undefined) return uneven;
    const held = await this.#within(heldMemory(this.#cluster), eventsMax);
    if (held !== undefined) return held;
    const different = await divergence(this.#cluster);
    if (different !== undefined) return { oracle: 'replicas', message: different, history: [] };
    const stray = await strayData(this.#cluster);
    return stray === undefined ? undefined : { oracle: 'strays', message: stray, history: [] };
  }

  /** Lets time pass until nothing is left to wait for; a violation when that takes too long. */
  async #within(
    reason: () => string | undefined,
    eventsMax: number,
  ): Promise<Violation | undefined> {
    const world = this.#world;
    const boundMs = healingMs(this.#plan.shape);
    const deadline = world.now + boundMs;
    let left = reason();
    let nextLook = world.now + LOOK_MS;
    const isOver = (): boolean => {
      if (world.now < nextLook) return left === undefined;
      nextLook = world.now + LOOK_MS;
      left = reason();
      return left === undefined;
    };
    await world.run(() => isOver() || world.now >= deadline, eventsMax);
    if (left === undefined || world.events >= eventsMax) return undefined;
    return { oracle: 'liveness', message: `${boundMs} ms after healing: ${left}`, history: [] };
  }

  /** Versions that may be collected have no locks: the collection resolves what clients have left behind. */
  async #untilUnlocked(eventsMax: number): Promise<Violation | undefined> {
    const world = this.#world;
    const { shape } = this.#plan;
    if (shape.gcLifeMs === 0 || apiOf(shape) === 'raw') return undefined;
    const boundMs = locksMs(shape);
    const deadline = world.now + boundMs;
    for (;;) {
      const lock = await leftLock(this.#cluster);
      if (lock === undefined || world.events >= eventsMax) return undefined;
      if (world.now >= deadline) {
        const message = `${boundMs} ms after the last transaction: ${lock}`;
        return { oracle: 'locks', message, history: [] };
      }
      const until = world.now + LOCKS_LOOK_MS;
      await world.run(() => world.now >= until, eventsMax);
    }
  }

  async #finalReads(eventsMax: number): Promise<void> {
    const outcomes: (Error | undefined)[] = [];
    void this.#workloads.finalReads().then(
      () => outcomes.push(undefined),
      (error: unknown) => outcomes.push(error instanceof Error ? error : new Error(String(error))),
    );
    const deadline = this.#world.now + healingMs(this.#plan.shape);
    await this.#world.run(() => outcomes.length > 0 || this.#world.now >= deadline, eventsMax);
    if (outcomes.length === 0) throw new KvError('DEADLINE_EXCEEDED', 'the final reads do not end');
    if (outcomes[0] !== undefined) throw outcomes[0];
  }
}

function stackOf(error: unknown): string[] {
  return error instanceof Error ? (error.stack ?? '').split('\n').slice(0, 12) : [];
}
