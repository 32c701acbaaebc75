import { fromUtf8, type Timestamp, utf8 } from '@tinykv/base';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeCluster, SCHEDULER } from '../tests/fake-cluster.js';
import { Client } from './client.js';

let cluster: FakeCluster;
let client: Client;

const run = <T>(promise: Promise<T>, maxMs?: number): Promise<T> =>
  cluster.env.clock.runUntil(promise, maxMs);
const write = async (key: string, value: string | undefined): Promise<Timestamp> => {
  const txn = await run(client.txn.begin());
  if (value === undefined) txn.delete(utf8(key));
  else txn.put(utf8(key), utf8(value));
  return run(txn.commit());
};
const versions = async (keys: string[], ts?: Timestamp) => {
  const read = await run(client.txn.snapshotVersions(keys.map(utf8), ts));
  return read.versions.map(({ value, commitTs }) => [value && fromUtf8(value), commitTs]);
};

beforeEach(async () => {
  cluster = await FakeCluster.start();
  client = await run(Client.connect(cluster.env, { scheduler: SCHEDULER }));
});

describe('a read of versions', () => {
  it('names the Put or Delete that is seen, also of keys that do not exist', async () => {
    cluster.split(utf8('m'), 2);
    const a = await write('a', 'one');
    await write('z', 'x');
    const deleted = await write('z', undefined);
    const keys = ['z', 'a', 'never', 'a'];
    const seen = [
      [undefined, deleted],
      ['one', a],
      [undefined, 0n],
      ['one', a],
    ];
    expect(await versions(keys)).toEqual(seen);
    expect(cluster.callsOf('KvGetVersions').length).toBe(2);
    const later = await write('a', 'one');
    expect(later).toBeGreaterThan(a);
    expect(await versions(['a'])).toEqual([['one', later]]);
    expect(await versions(['a'], later - 1n)).toEqual([['one', a]]);
  });

  it('does not take a lock that changes nothing for a version', async () => {
    const put = await write('a', 'one');
    const txn = await run(client.txn.begin());
    await run(txn.lockKeys(utf8('a')));
    txn.put(utf8('b'), utf8('two'));
    await run(txn.commit());
    await run(txn.settled);
    expect(await versions(['a'])).toEqual([['one', put]]);
  });

  it('asks for no timestamp at the newest, and tells the highest safe point of its Regions', async () => {
    await write('a', 'one');
    const before = cluster.tsoRequests.length;
    cluster.safePoint = 17n;
    const read = await run(client.txn.snapshotVersions([utf8('a')]));
    expect(read.safePoint).toBe(17n);
    expect(cluster.tsoRequests.length).toBe(before);
  });
});
