import { utf8 } from '@tinykv/base';
import { kvrpcpb } from '@tinykv/proto';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeCluster, SCHEDULER } from '../tests/fake-cluster.js';
import { Client } from './client.js';
import { KeyLockedError, WriteConflictError } from './errors.js';
import type { Txn } from './txn.js';

const [a, b] = [utf8('a'), utf8('b')];

let cluster: FakeCluster;
let client: Client;

const run = <T>(promise: Promise<T>): Promise<T> => cluster.env.clock.runUntil(promise, 60_000);

beforeEach(async () => {
  cluster = await FakeCluster.start();
  client = await run(Client.connect(cluster.env, { scheduler: SCHEDULER }));
});

/** Somebody else commits the key after everything that has begun. */
async function overwrite(key: Uint8Array): Promise<void> {
  const commitTs = (await client.txn.timestamp()) + 1n;
  const version = { commitTs, startTs: commitTs - 1n, op: kvrpcpb.Op.Put, value: utf8('other') };
  cluster.data.at(key).writes.unshift(version);
}

/** How often the function ran before `client.txn` threw. */
async function runsOf(inner: (t: Txn) => Promise<unknown>, error: new (...args: never[]) => Error) {
  let runs = 0;
  const call = client.txn(async (t) => {
    runs++;
    await inner(t);
  });
  await expect(run(call)).rejects.toThrow(error);
  return runs;
}

describe('client.txn(fn) runs fn again after failures of its own transaction alone', () => {
  it('not after that of one inside that gave up', async () => {
    const inner = () =>
      client.txn(
        async (t) => {
          await t.get(a);
          await overwrite(a);
          t.put(a, utf8('inner'));
        },
        { retries: 0 },
      );
    expect(await runsOf(inner, WriteConflictError)).toBe(1);
  });

  it('nor after that of one that was begun inside', async () => {
    const inner = async (): Promise<void> => {
      const t = await client.txn.begin();
      await overwrite(a);
      t.put(a, utf8('inner'));
      await t.commit();
    };
    expect(await runsOf(inner, WriteConflictError)).toBe(1);
  });

  it('nor after that of a read which is not its own', async () => {
    const holder = await run(client.txn.begin({ pessimistic: true }));
    await run(holder.lockKeys(a));
    cluster.data.at(a).lock = { ...cluster.data.at(a).lock!, op: kvrpcpb.Op.Put };
    const snapshot = await run(client.snapshot());
    const inner = () => snapshot.get(a, { timeoutMs: 100 });
    expect(await runsOf(inner, KeyLockedError)).toBe(1);
  });

  it('but after that of a read which is', async () => {
    const holder = await run(client.txn.begin({ pessimistic: true }));
    await run(holder.lockKeys(a));
    cluster.data.at(a).lock = { ...cluster.data.at(a).lock!, op: kvrpcpb.Op.Put };
    const reads: ((t: Txn) => Promise<unknown>)[] = [
      (t) => t.get(a, { timeoutMs: 50 }),
      (t) => t.batchGet([a], { timeoutMs: 50 }),
      (t) => t.scan(a, { timeoutMs: 50 }).then((pairs) => pairs.length),
    ];
    for (const read of reads) expect(await runsOf(read, KeyLockedError)).toBe(21);
  });
});

describe('client.txn(fn) ends as the transaction does', () => {
  it('waits for a commit that fn has begun and not awaited', async () => {
    cluster.answersAfterMs = 50;
    let txn: Txn | undefined;
    await run(
      client.txn(async (t) => {
        txn = t;
        t.put(a, a);
        void t.commit();
      }),
    );
    expect(txn?.state).toBe('committed');
    expect(cluster.data.at(a).writes).toHaveLength(1);
  });

  it('runs fn again when a commit that it did not await has lost', async () => {
    let runs = 0;
    await run(
      client.txn(async (t) => {
        if (++runs === 1) await overwrite(a);
        t.put(a, a);
        void t.commit();
      }),
    );
    expect(runs).toBe(2);
  });

  it('throws what the commit threw, though fn has caught it', async () => {
    const call = client.txn(
      async (t) => {
        await overwrite(a);
        t.put(a, a);
        await t.commit().catch(() => undefined);
        return 'fine';
      },
      { retries: 0 },
    );
    await expect(run(call)).rejects.toThrow(WriteConflictError);
  });

  it('throws what fn throws, once the commit that fn has begun is known', async () => {
    cluster.answersAfterMs = 50;
    let txn: Txn | undefined;
    const call = client.txn(async (t) => {
      txn = t;
      t.put(b, b);
      void t.commit();
      throw new Error('of the function');
    });
    await expect(run(call)).rejects.toThrow('of the function');
    expect(txn?.state).toBe('committed');
  });

  it('never runs fn again when its commit took effect', async () => {
    const holder = await run(client.txn.begin({ pessimistic: true }));
    await run(holder.lockKeys(a));
    cluster.data.at(a).lock = { ...cluster.data.at(a).lock!, op: kvrpcpb.Op.Put };
    const commitInVain = async (t: Txn): Promise<void> => {
      const error = await t.get(a, { timeoutMs: 50 }).catch((thrown: unknown) => thrown);
      t.put(b, b);
      void t.commit();
      throw error;
    };
    expect(await runsOf(commitInVain, KeyLockedError)).toBe(1);
    expect(cluster.data.at(b).writes).toHaveLength(1);
  });

  it('is no failure when fn has rolled back', async () => {
    const call = client.txn(async (t) => {
      t.put(a, a);
      t.rollback();
      return 1;
    });
    expect(await run(call)).toBe(1);
    expect(cluster.data.at(a).writes).toHaveLength(0);
  });
});
