import { fromUtf8, limits, utf8 } from '@tinykv/base';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeCluster, SCHEDULER } from '../tests/fake-cluster.js';
import { Client } from './client.js';
import { KeyLockedError } from './errors.js';

let cluster: FakeCluster;
let client: Client;

const run = <T>(promise: Promise<T>, maxMs?: number): Promise<T> =>
  cluster.env.clock.runUntil(promise, maxMs);
const write = async (...keys: string[]): Promise<void> => {
  const txn = await run(client.txn.begin());
  for (const key of keys) txn.put(utf8(key), utf8(key));
  await run(txn.commit());
  await run(txn.settled);
};
const batchGet = async (...keys: string[]): Promise<(string | undefined)[]> => {
  const txn = await run(client.txn.begin({ timeoutMs: 1_000 }));
  const values = await run(txn.batchGet(keys.map(utf8)));
  return values.map((value) => value && fromUtf8(value));
};
const asked = (): string[][] =>
  cluster.callsOf('KvBatchGet').map(({ request }) => request.keys.map(fromUtf8));
/** Leaves locks as a client does that has prewritten and died. */
const lock = (keys: string[], ttlMs: number): void => {
  const startVersion = cluster.timestamp();
  const mutations = keys.map((key) => ({ op: 0, key: utf8(key), value: utf8('locked') }));
  const request = { mutations, primaryLock: utf8(keys[0]!), startVersion, lockTtl: ttlMs };
  cluster.data.prewrite(request as Parameters<typeof cluster.data.prewrite>[0]);
};

beforeEach(async () => {
  cluster = await FakeCluster.start();
  client = await run(Client.connect(cluster.env, { scheduler: SCHEDULER }));
});

describe('a batch get', () => {
  it('is one request for each Region, whatever the order and number of times of its keys', async () => {
    cluster.split(utf8('m'), 2);
    await write('a', 'c', 'n', 'z');
    const keys = ['z', 'a', 'b', 'a', 'n', 'm'];
    expect(await batchGet(...keys)).toEqual(['z', 'a', undefined, 'a', 'n', undefined]);
    expect(asked().sort()).toEqual([
      ['a', 'b'],
      ['z', 'n', 'm'],
    ]);
    expect(cluster.callsOf('KvGet')).toEqual([]);
    expect(await batchGet()).toEqual([]);
    expect(await batchGet('a')).toEqual(['a']);
  });

  it('goes on where a Region was split', async () => {
    await write('a', 'n', 'z');
    cluster.split(utf8('m'), 3);
    expect(await batchGet('a', 'n', 'z')).toEqual(['a', 'n', 'z']);
  });

  it('is cut by keys, and again by the bytes of the answer', async () => {
    const names = Array.from({ length: limits.clientBatchGetKeysMax + 1 }, (_, i) => `k${i}`);
    await write(...names);
    const RESOURCE_EXHAUSTED = 8;
    cluster.script = ({ method, request }) =>
      method === 'KvBatchGet' && request.keys.length > 300
        ? { type: 'status', status: RESOURCE_EXHAUSTED }
        : undefined;
    expect(await batchGet(...names)).toEqual(names);
    const served = asked().map((keys) => keys.length);
    expect(served).toEqual([1_024, 1, 512, 256, 256, 512, 256, 256]);
  });

  it('asks again for the keys that were locked, and for no others', async () => {
    await write('a', 'b', 'c');
    lock(['b', 'c'], 100);
    expect(await batchGet('a', 'b', 'c')).toEqual(['a', 'b', 'c']);
    expect(asked()[0]).toEqual(['a', 'b', 'c']);
    expect(asked().at(-1)).toEqual(['b', 'c']);
    lock(['b'], 60_000);
    await expect(batchGet('a', 'b')).rejects.toThrow(KeyLockedError);
  });

  it('throws what the store says of the whole request, as a scan does', async () => {
    cluster.script = () => ({ type: 'key-error', error: { abort: 'ahead of the cluster' } });
    await expect(batchGet('a', 'b')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    const txn = await run(client.txn.begin());
    await expect(run(txn.scan(utf8('a')))).rejects.toThrow(/ahead of the cluster/);
  });
});
