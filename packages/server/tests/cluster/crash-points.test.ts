import { fromUtf8, Prng } from '@tinykv/base';
import { afterEach, describe, expect, it } from 'vitest';
import { TestCluster } from './harness.js';

let cluster: TestCluster;

afterEach(async () => {
  expect(cluster.fatals).toEqual([]);
  await cluster.stop();
});

const small = {
  regionMaxBytes: 3_000,
  regionSplitBytes: 1_500,
  replica: {
    tickMs: 50,
    electionTicks: 10,
    heartbeatTicks: 2,
    barrierIntervalMs: 500,
    barrierBytes: 1_000_000,
    logGcIntervalMs: 200,
    logGcEntries: 10,
  },
};

/** Three stores; those named in `doomed` die at the point, lose what is not durable, and come back. */
async function start(point: string, doomed: number, provoke: () => Promise<void>): Promise<void> {
  const { replica, ...sizes } = small;
  // A short log makes followers take snapshots; the split is to be applied from the log.
  const config = point.startsWith('snapshot') ? { ...sizes, replica } : sizes;
  cluster = await TestCluster.start({ config });
  const { id } = cluster.regionOf('');
  await cluster.addPeer(id, 1);
  await cluster.addPeer(id, 2);
  for (let i = 0; i < 10; i++) await cluster.put(`k${i}`, `v${i}`);
  await cluster.stopStore(doomed);
  cluster.crashPoints = [point];
  if (!point.startsWith('snapshot')) {
    await cluster.startStore(doomed);
    await cluster.expectEqualReplicas(id);
  }
  await provoke();
  if (point.startsWith('snapshot')) await cluster.startStore(doomed);
  await cluster.until(`store ${doomed} reaches ${point}`, () => cluster.crashed.length > 0);
  cluster.crashPoints = [];
  await cluster.crashStore(doomed, new Prng(point));
  await cluster.clock.run(300);
  await cluster.startStore(doomed);
}

async function expectAllEqual(): Promise<void> {
  await cluster.clock.run(3_000);
  for (const { region } of [...cluster.scheduler.regions.values()]) {
    await cluster.expectEqualReplicas(region.id);
  }
}

describe('split_crash_atomic', () => {
  it.each(['admin-before-write', 'admin-after-write'])('a store dies at %s', async (point) => {
    await start(point, 2, async () => {
      for (let i = 0; i < 40; i++) await cluster.put(`key-${i}`, 'v'.repeat(100));
    });
    await cluster.until('regions have split', () => cluster.scheduler.regions.size >= 2);
    for (let i = 0; i < 40; i++) expect((await cluster.get(`key-${i}`))?.length).toBe(100);
    await expectAllEqual();
  });
});

describe('a crash while a snapshot is installed', () => {
  it.each(['snapshot-before-data', 'snapshot-after-data'])('a store dies at %s', async (point) => {
    await start(point, 2, async () => {
      for (let i = 0; i < 60; i++) await cluster.put('same', `v${i}`);
      await cluster.clock.run(2_000);
    });
    expect(fromUtf8((await cluster.get('same'))!)).toBe('v59');
    await expectAllEqual();
  });
});
