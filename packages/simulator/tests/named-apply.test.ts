import { Prng } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import { Deadlines } from '../src/checkers/deadlines.js';
import type { StoreNode } from '../src/cluster/store-node.js';
import { divergence, unsettled } from '../src/run/converge.js';
import { Tally } from '../src/run/tally.js';
import { effectOf, RedisSession } from '../src/workloads/redis-session.js';
import type { WorkloadContext } from '../src/workloads/workload.js';
import { Scenario } from './scenario.js';

/** What a client knows of a counter that it alone increments. */
interface Counter {
  done: number;
  unknown: number;
}

const ROUNDS = 10;

class Increments {
  readonly counters = new Map<string, Counter>();
  readonly #context: WorkloadContext;
  #isOver = false;

  constructor({ cluster }: Scenario, rng: Prng) {
    this.#context = {
      cluster,
      rng,
      tally: new Tally(),
      deadlines: new Deadlines(100),
      schedulerMs: () => 0,
      thinkMs: 0,
      tick: () => 0,
      stopping: () => this.#isOver,
    };
  }

  #session(name: string): RedisSession {
    const { cluster, rng } = this.#context;
    return new RedisSession(this.#context, cluster.clients[0]!, rng.fork(name));
  }

  /** Increments one key again and again; resolves once it has been told to stop. */
  async run(key: string): Promise<void> {
    const session = this.#session(key);
    const counter = { done: 0, unknown: 0 };
    this.counters.set(key, counter);
    while (!this.#isOver) {
      const [reply] = (await session.send(['INCR', key])) ?? [];
      const effect = reply === undefined ? 'none' : effectOf(reply);
      if (effect === 'done') counter.done++;
      else if (effect === 'unknown') counter.unknown++;
      else await this.#context.cluster.world.sleep(20);
    }
  }

  stop(): void {
    this.#isOver = true;
  }

  async value(key: string): Promise<number> {
    const [reply] = (await this.#session(`${key} in the end`).send(['GET', key])) ?? [];
    return Number(reply);
  }
}

async function crashAndStart(scenario: Scenario, nodes: readonly StoreNode[]): Promise<void> {
  for (const node of nodes) node.crash();
  await scenario.run(100);
  for (const node of nodes) await node.start();
  await scenario.until('all are up', () => nodes.every(({ up }) => up));
}

describe('apply_index_atomic_with_data', () => {
  it.each([1, 2, 3])('no INCR is applied twice or skipped over crashes, seed %i', async (seed) => {
    const scenario = await Scenario.start(`apply ${seed}`, { gateways: 1 });
    const { cluster } = scenario;
    const rng = new Prng(seed);
    const increments = new Increments(scenario, rng.fork('increments'));
    const clients = Promise.all(['a', 'b', 'c'].map((key) => increments.run(key)));
    for (let round = 0; round < ROUNDS; round++) {
      await scenario.run(200 + 800 * rng.float());
      // All at once: what no barrier covers is nowhere but in the logs.
      const some = [cluster.stores[rng.int(0, 3)]!];
      await crashAndStart(scenario, round % 2 === 0 ? cluster.stores : some);
    }
    await scenario.run(2_000);
    increments.stop();
    await scenario.wait(clients);
    await scenario.until('all replicas are level', () => unsettled(cluster) === undefined);
    expect(await divergence(cluster)).toBeUndefined();
    expect(increments.counters.size).toBe(3);
    for (const [key, { done, unknown }] of increments.counters) {
      expect(done).toBeGreaterThan(20);
      const value = await scenario.wait(increments.value(key));
      expect(value, `${key}: ${done} and perhaps ${unknown}`).toBeGreaterThanOrEqual(done);
      expect(value, `${key}: ${done} and perhaps ${unknown}`).toBeLessThanOrEqual(done + unknown);
    }
    expect(scenario.losses.filter(({ lost }) => lost > 0).length).toBeGreaterThan(ROUNDS / 2);
    expect(scenario.losses.filter(({ kept, lost }) => kept * lost > 0).length).toBeGreaterThan(3);
  });
});
