import { EMPTY_BYTES, utf8 } from '@tinykv/base';
import { rangeContains, regionRanges } from '@tinykv/model';
import { describe, expect, it } from 'vitest';
import type { StoreNode } from '../src/cluster/store-node.js';
import { divergence, unsettled } from '../src/run/converge.js';
import { Scenario } from './scenario.js';
import { deliver, SnapshotTap } from './snapshot-tap.js';

async function write(scenario: Scenario, node: StoreNode, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    expect(await scenario.wait(scenario.putAt(node, `key ${i % 10}`, `value ${i}`))).toBe('ok');
  }
}

/** A cluster with a follower that is down, and so far behind that it will need a snapshot. */
async function lagging(
  name: string,
  shape: Parameters<typeof Scenario.start>[1] = {},
): Promise<{ scenario: Scenario; leader: StoreNode; follower: StoreNode }> {
  const scenario = await Scenario.start(name, { logGcEntries: 5, ...shape });
  const { node: leader } = scenario.leader();
  const follower = scenario.others(leader)[0]!;
  await write(scenario, leader, 10);
  // Its first snapshot is behind it, and known to be.
  await scenario.run(2_000);
  const { lastIndex } = scenario.peer(follower);
  follower.crash();
  await write(scenario, leader, 60);
  // Barriers and the collection of the log come in between.
  await scenario.run(3_000);
  expect(scenario.peer(leader).firstIndex).toBeGreaterThan(lastIndex + 1);
  return { scenario, leader, follower };
}

describe('two_snapshots_in_one_turn', () => {
  it.each([1, 2, 3, 4])('one of them is installed, the store goes on, seed %i', async (seed) => {
    const tap = new SnapshotTap();
    const { scenario, leader, follower } = await lagging(`two snapshots ${seed}`);
    tap.holds = true;
    await follower.start();
    await scenario.until('a snapshot', () => tap.caught.length === 1);
    await write(scenario, leader, 5);
    tap.caught[0]!.fail();
    await scenario.until('another one', () => tap.caught.length === 2);
    await scenario.run(100);
    const [older, newer] = tap.caught;

    // Both are complete at one moment, as when a disk comes back from a stall.
    follower.machine.disk.traits.delayMeanMs = 0;
    const answers = [deliver(follower, newer!), deliver(follower, older!)];
    await scenario.run(100);
    follower.machine.disk.traits.delayMeanMs = 0.2;
    expect(answers.map(({ refusals }) => refusals.length).sort()).toEqual([0, 1]);
    tap.holds = false;
    newer!.fail();
    await scenario.until('all are level', () => unsettled(scenario.cluster) === undefined);
    expect(follower.up).toBe(true);
    expect(await scenario.wait(scenario.putAt(leader, 'x', 'after'))).toBe('ok');
  });
});

/** Records of a store that lie in no Region that it has a peer of. */
async function strayRecords({ machine, store }: StoreNode): Promise<number> {
  const regions = store!.regions().map(({ region }) => region);
  const owned = regions
    .filter(({ peers }) => peers.length > 0)
    .flatMap(({ range }) => regionRanges('txn', range));
  let stray = 0;
  for (const all of regionRanges('txn', { start: EMPTY_BYTES, end: EMPTY_BYTES })) {
    for (const [key] of await machine.engine.peek(all)) {
      if (!owned.some((range) => rangeContains(range, key))) stray++;
    }
  }
  return stray;
}

describe('resumed_snapshot_wipes_former_range', () => {
  it.each(['snapshot-before-data', 'snapshot-after-data'])(
    'a crash at %s leaves nothing of the range that the Region had before',
    async (point) => {
      const { scenario, leader, follower } = await lagging(`resumed at ${point}`);
      const { region } = scenario.peer(leader);
      const client = scenario.cluster.clients[0]!.client!;
      const order = client.scheduler.admin.addOperator({ kind: 'split', regionId: region.id });
      await scenario.wait(order);
      await scenario.until('a split', () => leader.store!.regions().length === 2);
      await scenario.run(3_000);
      let crashed = false;
      scenario.onPoint = (name) => {
        if (name !== point || crashed) return;
        crashed = true;
        follower.crash();
      };
      await follower.start();
      await scenario.until('a crash', () => crashed);
      // The snapshot of the other half stays away.
      for (const other of scenario.others(follower)) scenario.cut(other, follower);
      await follower.start();
      await scenario.until('the snapshot is resumed', () => follower.up);

      const { range } = scenario.peer(follower).region;
      expect(range.end).not.toEqual(EMPTY_BYTES);
      expect(await strayRecords(follower)).toBe(0);
      scenario.cluster.network.healAll();
      await scenario.until('all are level', () => unsettled(scenario.cluster) === undefined);
      expect(await divergence(scenario.cluster)).toBeUndefined();
    },
  );
});

describe('damaged_old_entry_of_a_lagging_follower', () => {
  it('the follower gets a snapshot, the leader goes on and serves the others', async () => {
    const tap = new SnapshotTap();
    const scenario = await Scenario.start('damaged old entry');
    const { cluster } = scenario;
    const follower = scenario.others(scenario.leader().node)[0]!;
    follower.crash();
    const { node: first } = scenario.leader();
    expect(await scenario.wait(scenario.putAt(first, 'x', 'the old entry'))).toBe('ok');
    await write(scenario, first, 60);
    await scenario.run(3_000);
    // The next leader finds its entries on the disk alone: its cache begins anew.
    for (const node of scenario.others(follower)) node.crash();
    for (const node of scenario.others(follower)) await node.start();
    await scenario.until('a leader', () => scenario.findLeader() !== undefined);
    const { node: leader } = scenario.leader();
    expect(leader.machine.log.rotAt(utf8('the old entry'))).toBe(true);
    await write(scenario, leader, 5);

    const { passed } = tap;
    await follower.start();
    await scenario.until('a snapshot for the follower', () => tap.passed > passed);
    await scenario.until('all are level', () => unsettled(cluster) === undefined);
    expect(leader.up).toBe(true);
    expect(await scenario.wait(scenario.putAt(leader, 'x', 'after'))).toBe('ok');
    await scenario.until('all are level', () => unsettled(cluster) === undefined);
    expect(await divergence(cluster)).toBeUndefined();
  });
});

describe('slow_snapshot_arrives_in_time', () => {
  const RATE = 20_000;

  it('a snapshot is sent at its rate, and the log that its follower needs next is kept', async () => {
    const tap = new SnapshotTap();
    const { scenario, leader, follower } = await lagging('slow snapshot', { snapshotRate: RATE });
    const large = 'large '.repeat(500);
    for (let i = 0; i < 40; i++) {
      expect(await scenario.wait(scenario.putAt(leader, `large ${i}`, large))).toBe('ok');
    }
    await scenario.run(3_000);
    await follower.start();
    const { passed } = tap;
    await scenario.until('a snapshot', () => tap.passed > passed);
    const from = scenario.world.now;
    // The log is collected every second, and many times as much as it keeps is written meanwhile.
    let isLevel = false;
    const levelled = scenario
      .until('it is installed', () => isLevel)
      .then(() => scenario.world.now);
    for (let i = 0; !isLevel; i++) {
      await scenario.wait(scenario.putAt(leader, 'small', `${i}`));
      await scenario.run(20);
      isLevel = scenario.peer(follower).applied > scenario.peer(leader).applied - 5;
    }
    const tookMs = (await levelled) - from;
    expect(tookMs).toBeGreaterThan((40 * large.length * 1_000) / RATE);
    expect(tap.passed).toBe(passed + 1);
    await scenario.until('all are level', () => unsettled(scenario.cluster) === undefined);
    expect(tap.passed).toBe(passed + 1);
    // Afterwards the log is collected as ever.
    await write(scenario, leader, 30);
    await scenario.run(3_000);
    const { firstIndex, lastIndex } = scenario.peer(leader);
    expect(lastIndex - firstIndex).toBeLessThan(15);
  });
});
