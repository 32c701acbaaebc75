import { limits, utf8 } from '@tinykv/base';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeCluster, SCHEDULER } from '../tests/fake-cluster.js';
import { Client } from './client.js';
import { RecentTxns } from './recent-txns.js';

const TXNS = 2_500;
const keyOf = (i: number): Uint8Array => utf8(`k${String(i).padStart(5, '0')}`);

let cluster: FakeCluster;
let client: Client;

const run = <T>(promise: Promise<T>): Promise<T> => cluster.env.clock.runUntil(promise);

/** Most transactions that one request named, and how often a primary was asked. */
const seen = (): { readonly named: number; readonly asked: number } => ({
  named: Math.max(
    ...['KvScan', 'KvBatchGet'].flatMap((method) =>
      cluster.callsOf(method).map(({ request }) => request.context.resolvedLocks.length),
    ),
  ),
  asked: cluster.callsOf('KvCheckTxnStatus').length,
});

beforeEach(async () => {
  cluster = await FakeCluster.start();
  client = await run(Client.connect(cluster.env, { scheduler: SCHEDULER }));
  // Each key is a secondary of a living transaction of its own, whose commit a read can push above itself.
  for (let i = 0; i < TXNS; i++) {
    const startVersion = cluster.timestamp();
    const mutations = [utf8(`p${i}`), keyOf(i)].map((key) => ({ op: 0, key, value: utf8('new') }));
    const lock = {
      primaryLock: mutations[0]!.key,
      lockTtl: 60_000,
      minCommitTs: startVersion + 1n,
    };
    const request = { mutations, startVersion, ...lock };
    cluster.data.prewrite(request as Parameters<typeof cluster.data.prewrite>[0]);
  }
});

describe('a snapshot that passes the locks of many living transactions', () => {
  it('remembers a bounded number of them over a long scan', async () => {
    const txn = await run(client.txn.begin());
    const pairs = await run(txn.scan(utf8('k'), { end: utf8('l') }).then((all) => all));
    expect(pairs).toEqual([]);
    expect(seen().asked).toBe(TXNS);
    expect(seen().named).toBeLessThanOrEqual(limits.resolvedLocksMax);
  });

  it('reads what is under the locks, forwards and backwards', async () => {
    const expected: Uint8Array[] = [];
    for (let i = 0; i < TXNS; i += 3) {
      const write = { commitTs: 2n, startTs: 1n, op: 0, value: utf8('old') };
      cluster.data.at(keyOf(i)).writes.push(write);
      expected.push(keyOf(i));
    }
    const txn = await run(client.txn.begin());
    const range = { end: utf8('l') };
    const all = await run(txn.scan(utf8('k'), range).then((pairs) => pairs));
    expect(all.map(({ key }) => key)).toEqual(expected);
    const later = await run(client.txn.begin());
    const some = { ...range, reverse: true, limit: 700 };
    const last = await run(later.scan(utf8('k'), some).then((pairs) => pairs));
    expect(last.map(({ key }) => key)).toEqual(expected.slice(-700).reverse());
    // A page of keys alone once had more locks than its request could pass: it was asked for again and again.
    const third = await run(client.txn.begin());
    const keys = await run(third.scan(utf8('k'), { ...range, keyOnly: true }).then((all) => all));
    expect(keys.map(({ key }) => key)).toEqual(expected);
  });

  it('ends though one request has to pass as many as it has keys', async () => {
    const txn = await run(client.txn.begin());
    const keys = Array.from({ length: TXNS }, (_, i) => keyOf(i));
    for (let round = 0; round < 2; round++) {
      expect(await run(txn.batchGet(keys))).toEqual(keys.map(() => undefined));
    }
    expect(seen().named).toBeLessThanOrEqual(limits.resolvedLocksMax);
  });
});

it('the transactions met last are remembered', () => {
  const recent = new RecentTxns(3);
  for (const startTs of [1n, 2n, 3n, 1n, 4n]) recent.add(startTs);
  expect([...recent]).toEqual([3n, 1n, 4n]);
  expect(recent.size).toBe(3);
});
