import { describe, expect, it } from 'vitest';
import type { StoreNode } from '../src/cluster/store-node.js';
import { Scenario } from './scenario.js';

async function start(name: string): Promise<{ scenario: Scenario; follower: StoreNode }> {
  const scenario = await Scenario.start(name);
  const leader = scenario.leader().node;
  expect(await scenario.wait(scenario.putAt(leader, 'k', 'v'))).toBe('ok');
  await scenario.run(2_000);
  return { scenario, follower: scenario.others(leader)[0]! };
}

async function put(scenario: Scenario, value: string): Promise<void> {
  await scenario.until('somebody leads', () => scenario.findLeader() !== undefined);
  const { node } = scenario.leader();
  expect(await scenario.wait(scenario.putAt(node, 'k', value))).toBe('ok');
}

describe('a copy of a store folder', { timeout: 120_000 }, () => {
  it('at a new address is refused while the store lives, which notices nothing', async () => {
    const { scenario, follower } = await start('copy-elsewhere');
    const copy = await scenario.cluster.addCopy(follower);
    await copy.start();
    await scenario.until('the copy has ended', () => copy.refusal !== undefined, 10_000);
    expect(copy.refusal?.refusal).toBe('elsewhere');
    expect(copy.refusal?.message).toMatch(/runs at store-\d:20160.*empty folder.*stop the other/);
    await scenario.run(3_000);
    expect(follower.running).toBe(true);
    await put(scenario, 'after');
  });

  it('at a new address takes no part while the scheduler is away', async () => {
    const { scenario, follower } = await start('copy-without-scheduler');
    scenario.cluster.scheduler.crash();
    const copy = await scenario.cluster.addCopy(follower);
    await copy.start();
    await scenario.run(20_000);
    expect(copy.up).toBe(false);
    expect(follower.running).toBe(true);
    await put(scenario, 'after');
    await scenario.cluster.scheduler.start();
    await scenario.until('the copy has ended', () => copy.refusal !== undefined, 20_000);
    expect(follower.running).toBe(true);
  });

  it('takes over once the store is down; the old folder is fenced for good', async () => {
    const { scenario, follower } = await start('copy-takes-over');
    follower.crash();
    const copy = await scenario.cluster.addCopy(follower);
    await copy.start();
    await scenario.until('the copy serves', () => copy.up, 20_000);
    expect(copy.storeId).toBe(follower.storeId);
    await put(scenario, 'with the copy');
    await scenario.until('it takes part', () => scenario.peer(copy).applied > 0);

    // The old process comes back with its old folder, at its old address, several times.
    for (let i = 0; i < 3; i++) {
      await follower.start();
      await scenario.until(
        'the old process has ended',
        () => follower.refusal !== undefined,
        20_000,
      );
      expect(copy.running).toBe(true);
      follower.refusal = undefined;
    }
    await put(scenario, 'after');
  });

  it('that takes over while the old process hangs ends that process when it goes on', async () => {
    const { scenario, follower } = await start('copy-of-hanging');
    const others = scenario.cluster.nodes.filter((node) => node !== follower);
    const copy = await scenario.cluster.addCopy(follower);
    // Nothing that the old process says or hears gets through.
    for (const node of others) {
      scenario.cut(follower, node);
      scenario.cut(node, follower);
    }
    await copy.start();
    await scenario.until('the copy serves', () => copy.up, 30_000);
    expect(follower.running).toBe(true);
    for (const node of others) {
      scenario.heal(follower, node);
      scenario.heal(node, follower);
    }
    await scenario.until('the old process has ended', () => follower.refusal !== undefined, 20_000);
    expect(follower.refusal?.refusal).toBe('fenced');
    expect(follower.refusal?.message).toMatch(/was started again at .*older copy.*empty folder/);
    await scenario.run(2_000);
    expect(copy.running).toBe(true);
    await put(scenario, 'after');
  });
});
