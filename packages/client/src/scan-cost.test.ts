import { limits, utf8 } from '@tinykv/base';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeCluster, SCHEDULER } from '../tests/fake-cluster.js';
import { Client } from './client.js';
import { TxnBuffer } from './txn-buffer.js';
import { OWN_WRITES_LOOKED_AT, TxnView } from './txn-view.js';

const name = (i: number): Uint8Array => utf8(`k${String(i).padStart(6, '0')}`);
const KEYS = 2_000;

let cluster: FakeCluster;
let client: Client;

const run = <T>(promise: Promise<T>): Promise<T> => cluster.env.clock.runUntil(promise, 60_000);

beforeEach(async () => {
  cluster = await FakeCluster.start();
  client = await run(Client.connect(cluster.env, { scheduler: SCHEDULER }));
});

describe('a scan over own writes', () => {
  it('looks at a bounded number of them at once, in both directions, whatever they are', () => {
    const kinds = ['put', 'delete', 'lock'] as const;
    for (const kind of kinds) {
      const buffer = new TxnBuffer();
      for (let i = 0; i < KEYS; i++) {
        const key = name((i * 7_919) % KEYS);
        buffer.set(kind === 'put' ? { kind, key, value: key } : { kind, key });
      }
      const view = new TxnView(buffer, undefined);
      const everything = { start: new Uint8Array(0), end: new Uint8Array(0) };
      for (const reverse of [false, true]) {
        const { writes, last } = view.range(everything, reverse);
        expect(last).toEqual(
          name(reverse ? KEYS - OWN_WRITES_LOOKED_AT : OWN_WRITES_LOOKED_AT - 1),
        );
        expect(writes).toHaveLength(kind === 'lock' ? 0 : OWN_WRITES_LOOKED_AT);
      }
    }
  });

  it('gives them all in order, those that are made meanwhile too', async () => {
    const txn = await run(client.txn.begin());
    for (let i = 0; i < KEYS; i += 2) txn.put(name(i), name(i));
    const seen: string[] = [];
    const scan = async (): Promise<void> => {
      for await (const { key } of txn.scan(name(0))) {
        seen.push(key.join());
        const i = (seen.length - 1) * 2;
        // Far ahead, in what was not looked at yet; and behind, which comes too late.
        if (i === 100) txn.put(name(KEYS - 1), name(0));
        if (i === 200) txn.put(name(1), name(0));
      }
    };
    const scanning = scan();
    // A long chain of promise jobs: the clock alone does not see its end.
    for (let i = 0; i < 500; i++) await cluster.env.clock.run(1);
    await scanning;
    const expected = Array.from({ length: KEYS / 2 }, (_, i) => name(i * 2).join());
    expect(seen).toEqual([...expected, name(KEYS - 1).join()]);
    const back = await run(txn.scan(name(0), { reverse: true, limit: KEYS }));
    const all = [...expected, name(1).join(), name(KEYS - 1).join()].sort().reverse();
    expect(
      back
        .map(({ key }) => key.join())
        .sort()
        .reverse(),
    ).toEqual(all);
    expect(back.map(({ key }) => Buffer.from(key).toString())).toEqual(
      back
        .map(({ key }) => Buffer.from(key).toString())
        .toSorted()
        .reverse(),
    );
  });
});

describe('pairs of a scan', () => {
  it('keep no more alive than themselves', async () => {
    await run(
      client.txn(async (t) => {
        for (let i = 0; i < 100; i++) t.put(name(i), new Uint8Array(1_000));
      }),
    );
    await run(client.raw.batchPut([0, 1, 2].map((i) => ({ key: name(i), value: name(i) }))));
    const txn = await run(client.txn.begin());
    const snapshot = await run(client.snapshot());
    for (const pairs of [
      await run(txn.scan(name(0))),
      await run(snapshot.scan(name(0))),
      await run(client.raw.scan(name(0))),
    ]) {
      expect(pairs.length).toBeGreaterThan(2);
      for (const { key, value } of pairs) {
        expect(key.buffer.byteLength).toBe(key.length);
        expect(value.buffer.byteLength).toBe(value.length);
      }
    }
  });
});

describe('a transaction with as many keys as it may have', () => {
  it('may write those again, and roll back', () => {
    const buffer = new TxnBuffer();
    const key = (i: number): Uint8Array => Uint8Array.of(i >> 16, i >> 8, i);
    for (let i = 0; i < limits.txnKeysMax; i++) buffer.set({ kind: 'lock', key: key(i) });
    expect(() => buffer.set({ kind: 'lock', key: utf8('another') })).toThrow(/1048576 keys/);
    buffer.set({ kind: 'put', key: key(5), value: utf8('v') });
    buffer.set({ kind: 'delete', key: key(5) });
    expect(buffer.size).toBe(limits.txnKeysMax);
  });
});
