import { utf8 } from '@tinykv/base';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeCluster, SCHEDULER } from '../tests/fake-cluster.js';
import { Client } from './client.js';
import { connect } from './connect.js';

const a = utf8('a');
const text = 'a' as unknown as Uint8Array;
const none = undefined as unknown as Uint8Array;
const plain = { name: 'KvError', code: 'INVALID_ARGUMENT' };

let cluster: FakeCluster;
let client: Client;

const run = <T>(promise: Promise<T>): Promise<T> => cluster.env.clock.runUntil(promise, 60_000);

beforeEach(async () => {
  cluster = await FakeCluster.start();
  client = await run(Client.connect(cluster.env, { scheduler: SCHEDULER }));
});

/** The error that a call throws, at once or later. */
const thrown = (call: () => unknown): Promise<unknown> =>
  run(
    (async () => call())().then(
      () => undefined,
      (error: unknown) => error,
    ),
  );

describe('arguments without sense are refused with an error that names them', () => {
  it('keys and values that are no bytes', async () => {
    const txn = await run(client.txn.begin({ pessimistic: true }));
    const snapshot = await run(client.snapshot());
    const calls: (() => unknown)[] = [
      () => txn.get(text),
      () => txn.get(none),
      () => txn.batchGet([a, text]),
      () => txn.put(text, a),
      () => txn.put(a, text),
      () => txn.put(a, none),
      () => txn.delete(text),
      () => txn.lockKeys(text),
      () => txn.getForUpdate(text),
      () => snapshot.get(text),
      () => snapshot.batchGet([text]),
      () => client.txn.snapshotGet(text),
      () => client.raw.get(text),
      () => client.raw.put(a, text),
      () => client.raw.delete(none),
    ];
    for (const call of calls) {
      const error = await thrown(call);
      expect(error).toMatchObject(plain);
      expect(String(error)).toMatch(/a (key|value) is to be a Uint8Array, not (string|undefined)/);
    }
  });

  it('scans without a start, and with limits, ends and times that are none', async () => {
    const txn = await run(client.txn.begin());
    const snapshot = await run(client.snapshot());
    for (const reads of [txn, snapshot, client.raw]) {
      const scans: readonly [() => unknown, RegExp][] = [
        [() => reads.scan(none), /start/],
        [() => reads.scan(text), /start/],
        [() => reads.scan(a, { end: text }), /end/],
        [() => reads.scan(a, { limit: Number.NaN }), /limit/],
        [() => reads.scan(a, { limit: -1 }), /limit/],
        [() => reads.scan(a, { timeoutMs: Number.NaN }), /timeoutMs/],
      ];
      for (const [scan, what] of scans) {
        const error = await thrown(scan);
        expect(error).toMatchObject(plain);
        expect(String(error)).toMatch(what);
      }
    }
  });

  it('times that are none', async () => {
    for (const call of [
      () => client.raw.get(a, { timeoutMs: Number.NaN }),
      () => client.txn.begin({ timeoutMs: Number.NaN }),
      () => client.txn(async () => 1, { lifetimeMs: Number.NaN }),
      () => client.snapshot(undefined, { timeoutMs: 'x' as unknown as number }),
    ]) {
      expect(await thrown(call)).toMatchObject(plain);
    }
  });

  it('clusters without an address', async () => {
    for (const options of [{}, { scheduler: [] }, { scheduler: '' }, undefined]) {
      const error = await thrown(() => connect(options as unknown as { scheduler: string }));
      expect(error).toMatchObject(plain);
      expect(String(error)).toMatch(/scheduler/);
    }
  });

  it('snapshots at timestamps that the cluster has not reached, once and for all', async () => {
    cluster.script = ({ method, request }) =>
      method.startsWith('KvGet') || method === 'KvScan' || method === 'KvBatchGet'
        ? { type: 'key-error', error: { abort: `timestamp ${request.version} is ahead` } }
        : undefined;
    const future = await run(client.snapshot(1n << 62n));
    for (const read of [
      () => future.get(a),
      () => future.batchGet([a, utf8('b')]),
      () => future.scan(a).then((pairs) => pairs.length),
    ]) {
      const { length } = cluster.calls;
      const error = await thrown(read);
      expect(error).toMatchObject(plain);
      expect(String(error)).toMatch(/ahead/);
      expect(cluster.calls).toHaveLength(length + 1);
    }
  });
});

describe('one AbortSignal for many calls', () => {
  it('is listened to once, for as long as a call is under way', async () => {
    cluster.script = () => ({ type: 'hang' });
    const controller = new AbortController();
    const { signal } = controller;
    let [added, removed] = [0, 0];
    const { addEventListener, removeEventListener } = AbortSignal.prototype;
    signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
      added++;
      return addEventListener.apply(signal, args);
    };
    signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
      removed++;
      return removeEventListener.apply(signal, args);
    };
    const snapshot = await run(client.snapshot(undefined, { signal }));
    const txn = await run(client.txn.begin({ signal }));
    expect([added, removed]).toEqual([added, added]);
    added = 0;
    const calls = Array.from({ length: 30 }, (_, i) => [
      client.raw.get(utf8(`k${i}`), { signal }),
      snapshot.get(utf8(`k${i}`)),
      txn.get(utf8(`k${i}`), { signal }),
      client.raw.put(utf8(`k${i}`), a, { signal }),
    ]).flat();
    const ends = Promise.allSettled(calls);
    await cluster.env.clock.run(10);
    expect(added).toBe(1);
    controller.abort();
    for (const end of await run(ends)) expect(end.status).toBe('rejected');
  });
});
