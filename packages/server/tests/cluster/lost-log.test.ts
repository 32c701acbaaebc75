import { assert, fromUtf8, type LogIndex, Prng } from '@tinykv/base';
import { findPeerOnStore } from '@tinykv/model';
import type { RaftLog } from '@tinykv/raft';
import type { RegionStatus } from '@tinykv/raftstore';
import { afterEach, describe, expect, it } from 'vitest';
import { type ClusterOptions, TestCluster } from './harness.js';

let cluster: TestCluster;

afterEach(async () => {
  expect(cluster.fatals).toEqual([]);
  await cluster.stop();
});

const config: NonNullable<ClusterOptions['config']> = {
  replica: {
    tickMs: 50,
    electionTicks: 10,
    heartbeatTicks: 2,
    // No barrier but those of fences: a crash takes all that was applied since the last.
    barrierIntervalMs: 1_000_000_000,
    barrierBytes: 1_000_000_000,
    logGcIntervalMs: 500,
    logGcEntries: 10_000,
  },
};

/** Three replicas of `k` = 29. */
async function start(): Promise<number> {
  cluster = await TestCluster.start({ config });
  const { id } = cluster.regionOf('');
  await cluster.addPeer(id, 1);
  await cluster.addPeer(id, 2);
  for (let i = 0; i < 30; i++) await cluster.put('k', `${i}`);
  await cluster.expectEqualReplicas(id);
  return id;
}

/** The log of a stopped store as if nothing after `last` had ever been written; all of it by default. */
async function rewind(log: RaftLog, group: number, last?: LogIndex): Promise<void> {
  const found = (await log.open()).find((one) => one.group === group);
  assert(found !== undefined, 'the store has a log of the group');
  const { truncated, hardState } = found;
  const first = truncated.index + 1;
  const entries = last === undefined ? [] : await log.read(group, first, last + 1, 1_000_000);
  await log.append([{ group, destroy: true }]);
  if (last !== undefined) {
    await log.append([
      {
        group,
        reset: truncated,
        entries,
        hardState: { term: entries.at(-1)?.term ?? truncated.term, vote: 0, commit: last },
        durableApplied: Math.min(found.durableApplied, last),
      },
    ]);
  }
  expect(hardState.commit).toBeGreaterThan(last ?? 0);
  await log.close();
}

function peerOn(at: number, regionId: number): RegionStatus | undefined {
  return cluster.nodes[at]!.store?.regions().find(({ region }) => region.id === regionId);
}

/** The scheduler has the damaged peer removed and a new one put in its place. */
async function replace(regionId: number, at: number): Promise<void> {
  const old = peerOn(at, regionId)!.peerId;
  await cluster.removePeer(regionId, at);
  await cluster.addPeer(regionId, at);
  await cluster.expectEqualReplicas(regionId);
  expect(peerOn(at, regionId)!.peerId).toBeGreaterThan(old);
}

/** The damaged peer does not help to elect, alone with one that has not got everything. */
async function expectNoVote(regionId: number, damaged: number): Promise<void> {
  const leader = cluster.leaderOf(regionId)!;
  await cluster.stopStore(leader);
  await cluster.clock.run(10_000);
  expect(cluster.leaderOf(regionId)).toBeUndefined();
  expect(peerOn(damaged, regionId)!.role).toBe('Damaged');
  await cluster.startStore(leader);
  expect(fromUtf8((await cluster.get('k'))!)).toBe('30');
}

describe('follower_lost_synced_log', () => {
  it.each([
    ['emptied', (): undefined => undefined],
    ['rolled back below what was applied', (applied: LogIndex): LogIndex => applied - 10],
  ])('%s: the peer takes no part, alone and for good, until it is replaced', async (_, cut) => {
    const id = await start();
    const at = (cluster.leaderOf(id)! + 1) % 3;
    const { applied } = peerOn(at, id)!;
    await cluster.stopStore(at);
    await rewind(cluster.nodes[at]!.log, id, cut(applied));
    await cluster.startStore(at);
    expect(peerOn(at, id)!.role).toBe('Damaged');
    await cluster.put('k', '30');
    await expectNoVote(id, at);
    await cluster.stopStore(at);
    await cluster.startStore(at);
    expect(peerOn(at, id)!.role).toBe('Damaged');
    await replace(id, at);
  });

  it('rolled back above what was applied: the first word of the leader shows it', async () => {
    const id = await start();
    const at = (cluster.leaderOf(id)! + 1) % 3;
    const { applied } = peerOn(at, id)!;
    // Nothing of what no barrier covers is left in its engine.
    const rng = new Prng(1);
    rng.int = () => 1;
    await cluster.crashStore(at, rng);
    await rewind(cluster.nodes[at]!.log, id, applied - 10);
    await cluster.startStore(at);
    expect(peerOn(at, id)!.role).toBe('StateFollower');
    await cluster.until('it is damaged', () => peerOn(at, id)!.role === 'Damaged', 500);
    await cluster.put('k', '30');
    await expectNoVote(id, at);
    // It is known from the disk now, not from a leader.
    await cluster.stopStore(at);
    cluster.net.cut(cluster.nodes[at]!.address);
    await cluster.startStore(at);
    expect(peerOn(at, id)!.role).toBe('Damaged');
    cluster.net.heal(cluster.nodes[at]!.address);
    await replace(id, at);
  });

  it('the other Regions of the store go on', async () => {
    const id = await start();
    for (let i = 0; i < 8; i++) await cluster.put(`k${i}`, 'v'.repeat(50));
    cluster.scheduler.order(id, () => ({ type: 'split', keys: [] }));
    await cluster.until('the region has split', () => cluster.scheduler.regions.size === 2);
    const at = (cluster.leaderOf(id)! + 1) % 3;
    await cluster.until('both are here', () => cluster.nodes[at]!.store!.regions().length === 2);
    await cluster.stopStore(at);
    await rewind(cluster.nodes[at]!.log, id);
    await cluster.startStore(at);
    const other = cluster.nodes[at]!.store!.regions().find(({ region }) => region.id !== id)!;
    expect(other.role).not.toBe('Damaged');
    await cluster.expectEqualReplicas(other.region.id);
    await replace(id, at);
  });

  it('a damaged peer that was removed while its store was down is collected', async () => {
    const id = await start();
    const at = (cluster.leaderOf(id)! + 1) % 3;
    const { storeId } = cluster.nodes[at]!.store!;
    await cluster.stopStore(at);
    await rewind(cluster.nodes[at]!.log, id);
    await cluster.until('it is removed', () => {
      const peer = findPeerOnStore(cluster.scheduler.regions.get(id)!.region, storeId);
      if (peer !== undefined) cluster.scheduler.order(id, () => ({ type: 'remove-peer', peer }));
      return peer === undefined;
    });
    await cluster.startStore(at);
    await cluster.until('it is gone', () => peerOn(at, id) === undefined, 300_000);
    await cluster.clock.run(1_000);
    expect(await cluster.dataOf(at)).toBe('');
  });
});
