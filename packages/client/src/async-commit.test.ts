import { fromUtf8, utf8 } from '@tinykv/base';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeCluster, SCHEDULER } from '../tests/fake-cluster.js';
import { Client, type ClientOptions } from './client.js';
import { UndeterminedError, WriteConflictError } from './errors.js';
import type { Txn } from './txn.js';

let cluster: FakeCluster;
let client: Client;

const run = <T>(promise: Promise<T>): Promise<T> => cluster.env.clock.runUntil(promise);
const methods = (): string[] => cluster.calls.map((call) => call.method);

function connect(options: Partial<ClientOptions> = {}): Promise<Client> {
  return run(Client.connect(cluster.env, { scheduler: SCHEDULER, ...options }));
}

async function begin(...pairs: string[]): Promise<Txn> {
  const txn = await run(client.txn.begin());
  for (const pair of pairs) {
    const [key = '', value = ''] = pair.split('=');
    txn.put(utf8(key), utf8(value));
  }
  return txn;
}

async function get(key: string): Promise<string | undefined> {
  await passCommits();
  const value = await run(client.txn.run((txn) => txn.get(utf8(key))));
  return value && fromUtf8(value);
}

/** Commits, and waits for the end of it. */
async function write(...pairs: string[]): Promise<void> {
  const txn = await begin(...pairs);
  await run(txn.commit());
  await run(txn.settled);
}

/** Goes past every commit timestamp that the stores have chosen. */
async function passCommits(): Promise<void> {
  for (let i = 0; i < 2; i++) await run(client.txn.timestamp());
}

/** The requests that finish a commit never arrive: its client has died. */
function dieAfterPrewrite(): void {
  cluster.script = ({ method }) =>
    method === 'KvCommit' || method === 'KvBatchRollback'
      ? { type: 'lose', served: false }
      : undefined;
}

beforeEach(async () => {
  cluster = await FakeCluster.start();
  cluster.asyncCommit = [1, 2, 3];
  client = await connect();
  // Three Regions, the second led by another store; the client has met all of them.
  const second = cluster.split(utf8('m'));
  cluster.transferLeader(second, 2);
  await write('a=0', 'z=0');
  await passCommits();
  cluster.calls.length = 0;
  cluster.tsoRequests.length = 0;
});

describe('a transaction over two Regions', () => {
  it('is committed when both are prewritten, at the highest of their timestamps', async () => {
    const txn = await begin('a=1', 'z=1');
    expect(await run(txn.commit())).toBe(txn.startTs + 2n);
    expect(cluster.tsoRequests).toHaveLength(1);
    const prewrites = cluster.callsOf('KvPrewrite').map(({ request }) => request);
    expect(prewrites.map((request) => request.secondaries.map(fromUtf8))).toEqual([['z'], []]);
    await run(txn.settled);
    expect(methods().sort()).toEqual(['KvCommit', 'KvCommit', 'KvPrewrite', 'KvPrewrite']);
    expect([await get('a'), await get('z')]).toEqual(['1', '1']);
  });

  it('takes two phases when one of its stores will not choose', async () => {
    cluster.asyncCommit = [1];
    const txn = await begin('a=1', 'z=1');
    const commitTs = await run(txn.commit());
    expect(cluster.tsoRequests).toHaveLength(2);
    await run(txn.settled);
    expect(cluster.data.at(utf8('a')).writes[0]!.commitTs).toBe(commitTs);
    expect(cluster.data.at(utf8('z')).writes[0]!.commitTs).toBe(commitTs);
  });

  it('takes two phases when it is large, and where the client is told to', async () => {
    const large = await begin('a=1', 'z=1');
    for (let i = 0; i < 256; i++) large.put(utf8(`k${i}`), utf8('1'));
    await run(large.commit());
    client = await connect({ asyncCommit: false });
    await run((await begin('a=2', 'z=2')).commit());
    const tried = cluster.callsOf('KvPrewrite').map(({ request }) => request.useAsyncCommit);
    expect(new Set(tried)).toEqual(new Set([false]));
  });
});

describe('locks of a client that has died', () => {
  it('are a commit when all keys are locked, for whoever comes when they have expired', async () => {
    const txn = await begin('a=1', 'z=1');
    dieAfterPrewrite();
    const commitTs = await run(txn.commit());
    expect(await get('z')).toBe('1');
    expect(methods()).toContain('KvCheckSecondaryLocks');
    for (const key of ['a', 'z']) {
      expect(cluster.data.at(utf8(key)).writes[0]).toMatchObject({ commitTs });
      expect(cluster.data.at(utf8(key)).lock).toBeUndefined();
    }
  });

  it('are none when a key is not locked, and never will be', async () => {
    const txn = await begin('a=1', 'z=1');
    cluster.script = ({ method, storeId }) =>
      method === 'KvPrewrite' && storeId === 2 ? { type: 'lose', served: false } : undefined;
    await expect(run(txn.commit())).rejects.toThrow(UndeterminedError);
    cluster.script = () => undefined;
    expect(await get('a')).toBe('0');
    expect(cluster.data.at(utf8('z')).rollbacks.has(txn.startTs)).toBe(true);
    expect(cluster.data.at(utf8('a')).lock).toBeUndefined();
  });

  it('are rolled back when one says that two phases were to follow', async () => {
    cluster.asyncCommit = [1];
    const txn = await begin('a=1', 'z=1');
    dieAfterPrewrite();
    await expect(run(txn.commit())).rejects.toThrow(UndeterminedError);
    expect([await get('a'), await get('z')]).toEqual(['0', '0']);
    const forced = cluster.callsOf('KvCheckTxnStatus').map((call) => call.request.forceSyncCommit);
    expect(forced).toContain(true);
  });
});

describe('a read that meets a living transaction of two phases', () => {
  it('passes its locks and moves its commit above itself', async () => {
    client = await connect({ asyncCommit: false });
    const writer = await begin('a=1', 'z=1');
    let seen: (string | undefined)[] = [];
    let isRead = false;
    // Between its prewrites and its commit; the commit timestamp is older than the read.
    cluster.script = ({ method }) => {
      if (method !== 'KvCommit' || isRead) return undefined;
      isRead = true;
      return { type: 'lose', served: false };
    };
    const committing = writer.commit();
    const reading = client.txn.run(async (txn) => {
      while (!isRead) await client.txn.timestamp();
      const reader = await client.txn.begin();
      const values = await Promise.all([utf8('z'), utf8('a')].map((key) => reader.get(key)));
      seen = values.map((value) => value && fromUtf8(value));
      await txn.get(utf8('b'));
      return reader.startTs;
    });
    const readTs = await run(reading);
    expect(seen).toEqual(['0', '0']);
    expect(await run(committing)).toBeGreaterThan(readTs);
    await run(writer.settled);
    expect([await get('a'), await get('z')]).toEqual(['1', '1']);
  });
});

describe('an answer that is lost', () => {
  it('is found out from the locks, also when somebody else has finished the commit', async () => {
    const txn = await begin('a=1', 'z=1');
    let prewrites = 0;
    cluster.script = ({ method, storeId }) => {
      if (method !== 'KvPrewrite' || storeId !== 2 || prewrites++ > 0) return undefined;
      // Served, and finished by another before the client asks again.
      queueMicrotask(() => {
        cluster.data.commit([utf8('a'), utf8('z')], txn.startTs, txn.startTs + 2n);
      });
      return { type: 'lose', served: true };
    };
    expect(await run(txn.commit())).toBe(txn.startTs + 2n);
    expect(txn.state).toBe('committed');
  });

  it('before a conflict with another is no commit', async () => {
    const txn = await begin('a=1', 'z=1');
    await write('z=2');
    let prewrites = 0;
    cluster.script = ({ method, storeId }) =>
      method === 'KvPrewrite' && storeId === 2 && prewrites++ === 0
        ? { type: 'lose', served: false }
        : undefined;
    await expect(run(txn.commit())).rejects.toThrow(WriteConflictError);
    await run(txn.settled);
    expect([await get('a'), await get('z')]).toEqual(['0', '2']);
    expect(cluster.data.at(utf8('a')).lock).toBeUndefined();
  });
});
