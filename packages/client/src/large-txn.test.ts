import { fromUtf8, limits, TS_MAX, utf8 } from '@tinykv/base';
import { expect, it } from 'vitest';
import { FakeCluster, SCHEDULER } from '../tests/fake-cluster.js';
import { Client } from './client.js';

const KEYS = 100_000;
const name = (i: number): string => `k${String(i).padStart(6, '0')}`;

it('a transaction of 100,000 keys goes by batches, a bounded number of them at once', async () => {
  const cluster = await FakeCluster.start();
  const { clock } = cluster.env;
  const client = await clock.runUntil(Client.connect(cluster.env, { scheduler: SCHEDULER }));
  for (const at of [20_000, 50_000, 80_000]) cluster.split(utf8(name(at)), 1 + (at % 3));
  const txn = await clock.runUntil(client.txn.begin());
  const value = new Uint8Array(100);
  for (let i = 0; i < KEYS; i++) txn.put(utf8(name(i)), value);
  cluster.answersAfterMs = 10;
  await clock.runUntil(txn.commit());
  await clock.runUntil(txn.settled);

  const prewrites = cluster.callsOf('KvPrewrite').map(({ request }) => request.mutations);
  expect(prewrites.reduce((sum, mutations) => sum + mutations.length, 0)).toBe(KEYS);
  const largest = Math.max(...prewrites.map((mutations) => mutations.length));
  expect(largest * (name(0).length + value.length)).toBeLessThanOrEqual(limits.txnBatchBytesMax);
  expect(cluster.inflightPeak).toBeGreaterThan(limits.clientParallelBatchesMax / 2);
  expect(cluster.inflightPeak).toBeLessThanOrEqual(limits.clientParallelBatchesMax);
  const stored = cluster.data.sortedKeys(
    (key) => cluster.data.read(key, TS_MAX).value?.length === 100,
  );
  expect(stored).toHaveLength(KEYS);
  expect(fromUtf8(stored.at(-1)!)).toBe(name(KEYS - 1));
});
