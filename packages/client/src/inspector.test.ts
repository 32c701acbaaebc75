import { fromUtf8, utf8 } from '@tinykv/base';
import type { LockInfo } from '@tinykv/model';
import { beforeEach, expect, it } from 'vitest';
import { FakeCluster, SCHEDULER } from '../tests/fake-cluster.js';
import { Client } from './client.js';
import type { LockScanOptions } from './inspector.js';

let cluster: FakeCluster;
let client: Client;

const run = <T>(promise: Promise<T>): Promise<T> => cluster.env.clock.runUntil(promise);

/** Leaves the locks of a transaction whose client is gone. */
async function leaveLocks(...keys: string[]): Promise<bigint> {
  const startVersion = cluster.timestamp();
  const mutations = keys.map((key) => ({ op: 0, key: utf8(key), value: utf8('v') }));
  const primaryLock = utf8(keys[0]!);
  cluster.data.prewrite({ mutations, primaryLock, startVersion, lockTtl: 3_000 } as never);
  return startVersion;
}

async function locks(options?: LockScanOptions): Promise<LockInfo[]> {
  const found: LockInfo[] = [];
  for await (const lock of client.inspect.locks(options)) found.push(lock);
  return found;
}

async function names(options?: LockScanOptions): Promise<string[]> {
  return (await run(locks(options))).map(({ key }) => fromUtf8(key));
}

beforeEach(async () => {
  cluster = await FakeCluster.start();
  client = await run(Client.connect(cluster.env, { scheduler: SCHEDULER }));
});

it('locks are found in all Regions, page by page', async () => {
  const keys = Array.from({ length: 300 }, (_, i) => `k${String(i).padStart(3, '0')}`);
  const first = await leaveLocks(...keys);
  cluster.split(utf8('k280'));
  await leaveLocks('later');
  expect(await names()).toEqual([...keys, 'later']);
  expect(await names({ maxTs: first })).toEqual(keys);
  expect(await names({ start: utf8('k279'), end: utf8('k281') })).toEqual(['k279', 'k280']);
  expect(cluster.callsOf('KvScanLock').every(({ request }) => request.limit <= 256)).toBe(true);
});

it('locks of the dead are cleared, those of the living are not', async () => {
  await leaveLocks('a', 'b');
  await cluster.env.clock.run(2_900);
  await leaveLocks('c');
  await cluster.env.clock.run(200);
  const all = await run(locks());
  expect(await run(client.inspect.resolve(all))).toBeGreaterThan(2_000);
  expect(await names()).toEqual(['c']);
  await cluster.env.clock.run(3_000);
  expect(await run(client.inspect.resolve(all))).toBe(0);
  expect(await names()).toEqual([]);
});

it('a history is told with its lock', async () => {
  const txn = await run(client.txn.begin());
  txn.put(utf8('a'), utf8('one'));
  const commitTs = await run(txn.commit());
  const startTs = await leaveLocks('a');
  expect(await run(client.inspect.history(utf8('a')))).toMatchObject({
    lock: { key: utf8('a'), startTs, kind: 'put' },
    versions: [{ kind: 'put', startTs: txn.startTs, commitTs, value: utf8('one') }],
    hasMore: false,
  });
  expect(await run(client.inspect.history(utf8('never')))).toMatchObject({
    lock: undefined,
    versions: [],
  });
});
