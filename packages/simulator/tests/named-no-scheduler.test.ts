import { utf8 } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import type { StoreNode } from '../src/cluster/store-node.js';
import { Scenario } from './scenario.js';

/** What a leader kill may cost with two of three stores alive. */
const RECOVERY_MS = 3_000;

/** Until a put is acknowledged by whoever leads now; the simulated time that it took. */
async function untilWritable(scenario: Scenario, key: string, value: string): Promise<number> {
  const { world } = scenario;
  const began = world.now;
  let done = false;
  while (!done && world.now - began < 30_000) {
    const leader = scenario.findLeader();
    if (leader === undefined) await scenario.run(10);
    else done = (await scenario.wait(scenario.putAt(leader.node, key, value))) === 'ok';
    if (!done) await scenario.run(10);
  }
  expect(done, 'a leader is elected').toBe(true);
  return world.now - began;
}

async function start(name: string): Promise<{ scenario: Scenario; leader: StoreNode }> {
  const scenario = await Scenario.start(name);
  const leader = scenario.leader().node;
  expect(await scenario.wait(scenario.putAt(leader, 'k', 'before'))).toBe('ok');
  return { scenario, leader };
}

describe('a cluster without its scheduler', { timeout: 120_000 }, () => {
  it('elects a leader among two of three stores after a leader kill', async () => {
    const times: number[] = [];
    for (let i = 1; i <= 10; i++) {
      const { scenario, leader } = await start(`no-scheduler-${i}`);
      scenario.cluster.scheduler.crash();
      await scenario.run(500);
      leader.crash();
      times.push(await untilWritable(scenario, 'k', 'after'));
      const now = scenario.leader().node;
      expect(await scenario.wait(scenario.getAt(now, 'k'))).toBe('after');
    }
    expect(Math.max(...times)).toBeLessThan(RECOVERY_MS);
  });

  it('serves a client that has spoken to the killed leader alone', async () => {
    for (let i = 1; i <= 5; i++) {
      const { scenario, leader } = await start(`no-scheduler-client-${i}`);
      const { client } = scenario.cluster.clients[0]!;
      const put = (value: string) => client!.raw.put(utf8('c'), utf8(value));
      await scenario.wait(put('before'));
      await scenario.run(500);
      scenario.cluster.scheduler.crash();
      await scenario.run(500);
      leader.crash();
      const began = scenario.world.now;
      // A put whose answer was lost is not sent again: the next one is.
      await scenario.wait(put('lost').catch(() => undefined));
      await scenario.wait(put('after'));
      expect(scenario.world.now - began).toBeLessThan(RECOVERY_MS);
    }
  });

  it('takes a restarted store back, which serves what it has', async () => {
    const { scenario, leader } = await start('no-scheduler-restart');
    scenario.cluster.scheduler.crash();
    leader.crash();
    await untilWritable(scenario, 'k', 'while it was away');
    await leader.start();
    await scenario.until('the restarted store serves', () => leader.up, 5_000);
    await scenario.until('it has caught up', () => {
      const { applied } = scenario.leader().status;
      return scenario.peer(leader).applied === applied;
    });
    // With the second leader gone, the restarted store is one of the two that are left.
    scenario.leader().node.crash();
    await untilWritable(scenario, 'k', 'with it');
    const now = scenario.leader().node;
    expect(await scenario.wait(scenario.getAt(now, 'k'))).toBe('with it');
  });

  it('serves again after all stores were restarted', async () => {
    const { scenario } = await start('no-scheduler-all-restart');
    scenario.cluster.scheduler.crash();
    for (const node of scenario.cluster.stores) node.crash();
    for (const node of scenario.cluster.stores) await node.start();
    await scenario.until('every store serves', () => scenario.cluster.stores.every((n) => n.up));
    await untilWritable(scenario, 'k', 'after');
    await scenario.cluster.scheduler.start();
    await scenario.until('the scheduler serves', () => scenario.cluster.scheduler.up);
    await scenario.run(3_000);
    expect(scenario.cluster.stores.every((node) => node.up)).toBe(true);
  });
});
