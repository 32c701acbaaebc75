import { utf8 } from '@tinykv/base';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeCluster, SCHEDULER } from '../tests/fake-cluster.js';
import { Client } from './client.js';

let cluster: FakeCluster;
let client: Client;

const run = <T>(promise: Promise<T>, maxMs?: number): Promise<T> =>
  cluster.env.clock.runUntil(promise, maxMs);

beforeEach(async () => {
  cluster = await FakeCluster.start();
  client = await run(Client.connect(cluster.env, { scheduler: SCHEDULER }));
  cluster.split(utf8('m'), 2);
});

/** A store that is busy for a while keeps the second half of a transaction waiting. */
const isBusyUntil = (mono: number): void => {
  cluster.script = ({ method, request }) =>
    method === 'KvPrewrite' && request.mutations[0].key[0] >= 109 && cluster.env.clock.mono() < mono
      ? { type: 'region-error', error: { type: 'server-is-busy', reason: 'by the test' } }
      : undefined;
};

describe('a transaction that takes long to prewrite', () => {
  it('lives on, while others that meet its locks look after it', async () => {
    const txn = await run(client.txn.begin());
    txn.put(utf8('a'), utf8('1'));
    txn.put(utf8('x'), utf8('1'));
    isBusyUntil(cluster.env.clock.mono() + 12_000);
    const committing = txn.commit();
    const other = await run(Client.connect(cluster.env, { scheduler: SCHEDULER }));
    await cluster.env.clock.run(8_000);
    const reading = other.txn.snapshotGet(utf8('x'));
    await run(Promise.all([committing, reading]));
    expect(txn.state).toBe('committed');
    expect(cluster.data.at(utf8('a')).writes).toHaveLength(1);
    const beats = cluster.callsOf('KvTxnHeartBeat').map(({ request }) => request.adviseLockTtl);
    expect(beats.length).toBeGreaterThanOrEqual(11);
    expect(beats[0]).toBe(11_000);
  });

  it('goes on without beats that get lost, and beats no more once it has ended', async () => {
    const txn = await run(client.txn.begin());
    txn.put(utf8('a'), utf8('1'));
    txn.put(utf8('x'), utf8('1'));
    isBusyUntil(cluster.env.clock.mono() + 3_000);
    const { script } = cluster;
    cluster.script = (call) => (call.method === 'KvTxnHeartBeat' ? { type: 'hang' } : script(call));
    await run(txn.commit());
    const { length } = cluster.callsOf('KvTxnHeartBeat');
    await cluster.env.clock.run(60_000);
    expect(cluster.callsOf('KvTxnHeartBeat').length).toBeLessThanOrEqual(length + 4);
    expect(cluster.env.clock.pendingTimers).toBe(0);
  });

  it('that ends soon sends none', async () => {
    await run(client.txn.run(async (txn) => txn.put(utf8('a'), utf8('1'))));
    await cluster.env.clock.run(60_000);
    expect(cluster.callsOf('KvTxnHeartBeat')).toEqual([]);
  });
});
