import { describe, expect, it } from 'vitest';
import type { StoreNode } from '../src/cluster/store-node.js';
import { divergence, unsettled } from '../src/run/converge.js';
import { Scenario } from './scenario.js';

/** Longer than a request may take, and than any election. */
const LONG_MS = 10_000;

function fill(nodes: readonly StoreNode[], full = true): void {
  for (const { machine } of nodes) machine.disk.traits.logFull = full;
}

/** Writes until the store says that it takes nothing; returns what it has not answered as done or refused. */
async function writeUntilRefused(scenario: Scenario, node: StoreNode): Promise<string> {
  let reason = '';
  const put = async (): Promise<void> => {
    // What was proposed before the disk was found full is not answered, or as unknown.
    const error = await scenario.putErrorAt(node, 'x', 'during').catch(() => undefined);
    reason ||= error?.serverIsBusy?.reason ?? '';
  };
  for (let i = 0; i < 10 && reason === ''; i++) {
    void put();
    await scenario.run(50);
  }
  return reason;
}

async function started(name: string): Promise<{ scenario: Scenario; leader: StoreNode }> {
  const scenario = await Scenario.start(name);
  const { node } = scenario.leader();
  expect(await scenario.wait(scenario.putAt(node, 'x', 'before'))).toBe('ok');
  await scenario.run(1_000);
  return { scenario, leader: scenario.leader().node };
}

async function untilLevel(scenario: Scenario): Promise<void> {
  await scenario.until('all are level', () => unsettled(scenario.cluster) === undefined);
  expect(await divergence(scenario.cluster)).toBeUndefined();
}

describe('full_raft_log_is_read_only', () => {
  it('under the leader: writes are refused and say why, reads go on, it comes back by itself', async () => {
    const { scenario, leader } = await started('full under the leader');
    fill([leader]);
    expect(await writeUntilRefused(scenario, leader)).toContain('the disk of the Raft log is full');
    for (let i = 0; i < 5; i++) {
      await scenario.run(LONG_MS / 5);
      expect(await scenario.wait(scenario.getAt(leader, 'x'), 10)).toBe('before');
      expect(scenario.leader().node).toBe(leader);
    }
    expect(await scenario.wait(scenario.putAt(leader, 'x', 'refused'))).toBe('refused');

    fill([leader], false);
    await scenario.run(1_000);
    // The others had it durable: it takes effect, though nobody was told so.
    expect(await scenario.wait(scenario.getAt(leader, 'x'))).toBe('during');
    expect(await scenario.wait(scenario.putAt(leader, 'x', 'after'))).toBe('ok');
    expect(await scenario.wait(scenario.getAt(leader, 'x'))).toBe('after');
    expect(leader.up).toBe(true);
    await untilLevel(scenario);
  });

  it('under a follower: the others go on, and it catches up', async () => {
    const { scenario, leader } = await started('full under a follower');
    const follower = scenario.others(leader)[0]!;
    fill([follower]);
    for (let i = 0; i < 20; i++) {
      expect(await scenario.wait(scenario.putAt(leader, 'x', `${i}`))).toBe('ok');
      await scenario.run(LONG_MS / 20);
    }
    expect(scenario.peer(follower).lastIndex).toBeLessThan(scenario.peer(leader).lastIndex - 15);
    expect(scenario.leader().node).toBe(leader);
    fill([follower], false);
    await untilLevel(scenario);
    expect(follower.up).toBe(true);
  });

  it('a store that can keep nothing gives no vote; it does once there is room', async () => {
    const { scenario, leader } = await started('full store gives no vote');
    const full = scenario.others(leader)[0]!;
    fill([full]);
    expect(await scenario.wait(scenario.putAt(leader, 'x', 'while one is full'))).toBe('ok');
    leader.crash();
    // Two of three are left, and one of them can promise nothing: no leader until it has room.
    await scenario.run(LONG_MS);
    expect(scenario.findLeader()).toBeUndefined();
    fill([full], false);
    await scenario.until('a leader', () => scenario.findLeader() !== undefined);
    const { node } = scenario.leader();
    expect(await scenario.wait(scenario.getAt(node, 'x'))).toBe('while one is full');
    await leader.start();
    await untilLevel(scenario);
  });

  it.each([1, 2, 3])(
    'under all: nothing acknowledged is lost by a crash meanwhile, seed %i',
    async (seed) => {
      const { scenario, leader } = await started(`full under all ${seed}`);
      const { stores } = scenario.cluster;
      let acked = 0;
      let isOver = false;
      const writer = async (): Promise<void> => {
        for (let i = 1; !isOver; i++) {
          const done = await scenario.putAt(leader, 'n', `${i}`).catch(() => 'unknown');
          if (done === 'ok') acked = i;
          else await scenario.world.sleep(20);
        }
      };
      void writer();
      await scenario.run(200 + seed);
      fill(stores);
      await scenario.run(3_000);
      const before = acked;
      expect(before).toBeGreaterThan(0);
      await scenario.run(1_000);
      expect(acked).toBe(before);
      for (const node of stores) node.crash();
      isOver = true;
      fill(stores, false);
      for (const node of stores) await node.start();
      await scenario.until('a leader', () => scenario.findLeader() !== undefined);
      await untilLevel(scenario);
      const { node } = scenario.leader();
      const value = await scenario.wait(scenario.getAt(node, 'n'));
      expect(Number(value)).toBeGreaterThanOrEqual(before);
      expect(await scenario.wait(scenario.putAt(node, 'n', 'after'))).toBe('ok');
    },
  );
});
