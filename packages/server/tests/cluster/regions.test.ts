import { fromUtf8 } from '@tinykv/base';
import { afterEach, describe, expect, it } from 'vitest';
import { type ClusterOptions, TestCluster } from './harness.js';

let cluster: TestCluster;

async function start(options?: ClusterOptions): Promise<TestCluster> {
  cluster = await TestCluster.start(options);
  return cluster;
}

async function replicate(count = 3): Promise<number> {
  const { id } = cluster.regionOf('');
  for (let at = 1; at < count; at++) await cluster.addPeer(id, at);
  return id;
}

afterEach(async () => {
  expect(cluster.fatals).toEqual([]);
  await cluster.stop();
});

describe('one region', () => {
  it('bootstraps on one store and serves', async () => {
    await start({ stores: 1 });
    await cluster.put('a', '1');
    expect(fromUtf8((await cluster.get('a'))!)).toBe('1');
    expect(await cluster.get('b')).toBeUndefined();
  });

  it('spreads to three stores by conf change and snapshot', async () => {
    await start();
    await cluster.put('a', '1');
    await replicate();
    await cluster.put('b', '2');
    await cluster.clock.run(1000);
    const data = await cluster.dataOf(0);
    expect(data).not.toBe('');
    expect(await cluster.dataOf(1)).toBe(data);
    expect(await cluster.dataOf(2)).toBe(data);
  });

  it('elects a new leader when the old one stops, and takes it back', async () => {
    await start();
    const id = await replicate();
    await cluster.put('a', '1');
    const first = cluster.leaderOf(id)!;
    await cluster.stopStore(first);
    await cluster.put('a', '2');
    expect(cluster.leaderOf(id)).not.toBe(first);
    await cluster.startStore(first);
    await cluster.put('b', '3');
    await cluster.clock.run(2000);
    expect(await cluster.dataOf(first)).toBe(await cluster.dataOf(cluster.leaderOf(id)!));
  });

  it('comes back after all stores stopped', async () => {
    await start();
    await replicate();
    for (let i = 0; i < 50; i++) await cluster.put(`k${i}`, `v${i}`);
    for (let at = 0; at < 3; at++) await cluster.stopStore(at);
    for (let at = 0; at < 3; at++) await cluster.startStore(at);
    for (let i = 0; i < 50; i++) expect(fromUtf8((await cluster.get(`k${i}`))!)).toBe(`v${i}`);
  });

  it('brings a follower back by snapshot once the log has gone past it', async () => {
    await start({
      config: {
        replica: {
          tickMs: 50,
          electionTicks: 10,
          heartbeatTicks: 2,
          barrierIntervalMs: 200,
          barrierBytes: 1_000_000,
          logGcIntervalMs: 200,
          logGcEntries: 10,
        },
      },
    });
    const id = await replicate();
    const lagging = (cluster.leaderOf(id)! + 1) % 3;
    await cluster.stopStore(lagging);
    for (let i = 0; i < 60; i++) await cluster.put(`k${i}`, `v${i}`);
    await cluster.clock.run(2000);
    await cluster.startStore(lagging);
    await cluster.until('the follower has caught up', () => {
      const status = cluster.nodes[lagging]!.store!.regions()[0]!;
      return status.applied >= 60 && status.firstIndex > 40;
    });
    expect(await cluster.dataOf(lagging)).toBe(await cluster.dataOf(cluster.leaderOf(id)!));
  });

  it('removes a peer, its data and its log, and makes a new one there', async () => {
    await start();
    const id = await replicate();
    await cluster.put('a', '1');
    const gone = (cluster.leaderOf(id)! + 1) % 3;
    await cluster.removePeer(id, gone);
    await cluster.until(
      'the data is gone',
      () => cluster.nodes[gone]!.store!.regions().length === 0,
    );
    await cluster.clock.run(1000);
    expect(await cluster.dataOf(gone)).toBe('');
    await cluster.addPeer(id, gone);
    await cluster.clock.run(1000);
    expect(await cluster.dataOf(gone)).toBe(await cluster.dataOf(cluster.leaderOf(id)!));
  });

  it('hands leadership over before a leader is removed', async () => {
    await start();
    const id = await replicate();
    const leader = cluster.leaderOf(id)!;
    await cluster.removePeer(id, leader);
    await cluster.put('a', '1');
    expect(cluster.leaderOf(id)).not.toBe(leader);
  });
});

describe('many regions', () => {
  const small = { regionMaxBytes: 4_000, regionSplitBytes: 2_000 };

  it('splits by size and keeps every key readable', async () => {
    await start({ config: small });
    await replicate();
    for (let i = 0; i < 200; i++) await cluster.put(`key-${i}`, 'v'.repeat(100));
    await cluster.until('regions have split', () => cluster.scheduler.regions.size >= 5);
    for (let i = 0; i < 200; i++) expect((await cluster.get(`key-${i}`))?.length).toBe(100);
    await cluster.clock.run(2000);
    expect(await cluster.dataOf(1)).toBe(await cluster.dataOf(0));
    expect(await cluster.dataOf(2)).toBe(await cluster.dataOf(0));
  });

  it('comes back after a restart of all stores with all regions', async () => {
    await start({ config: small });
    await replicate();
    for (let i = 0; i < 100; i++) await cluster.put(`key-${i}`, 'v'.repeat(100));
    await cluster.until('regions have split', () => cluster.scheduler.regions.size >= 3);
    const before = cluster.nodes[0]!.store!.regions().length;
    for (let at = 0; at < 3; at++) await cluster.stopStore(at);
    for (let at = 0; at < 3; at++) await cluster.startStore(at);
    expect(cluster.nodes[0]!.store!.regions().length).toBe(before);
    for (let i = 0; i < 100; i++) expect((await cluster.get(`key-${i}`))?.length).toBe(100);
  });

  it('a store that missed the splits catches up', async () => {
    await start({ config: small });
    const id = await replicate();
    const behind = (cluster.leaderOf(id)! + 1) % 3;
    await cluster.stopStore(behind);
    for (let i = 0; i < 100; i++) await cluster.put(`key-${i}`, 'v'.repeat(100));
    await cluster.until('regions have split', () => cluster.scheduler.regions.size >= 3);
    await cluster.startStore(behind);
    const at = cluster.leaderOf(id)!;
    await cluster.until('all regions are there', () => {
      const mine = cluster.nodes[behind]!.store!.regions();
      return mine.length === cluster.nodes[at]!.store!.regions().length;
    });
    await cluster.clock.run(3000);
    expect(await cluster.dataOf(behind)).toBe(await cluster.dataOf(at));
  });
});
