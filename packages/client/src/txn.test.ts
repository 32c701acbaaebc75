import { fromUtf8, limits, utf8 } from '@tinykv/base';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeCluster, SCHEDULER } from '../tests/fake-cluster.js';
import { Client } from './client.js';
import {
  EntryTooLargeError,
  KeyLockedError,
  RegionUnavailableError,
  TxnAbortedError,
  UndeterminedError,
  WriteConflictError,
} from './errors.js';
import type { Txn } from './txn.js';

let cluster: FakeCluster;
let client: Client;
/** Keeps to itself what the first has begun: its own caches and streams. */
let other: Client;

const run = <T>(promise: Promise<T>, maxMs?: number): Promise<T> =>
  cluster.env.clock.runUntil(promise, maxMs);
const begin = (): Promise<Txn> => run(client.txn.begin());
const get = async (key: string): Promise<string | undefined> => {
  const value = await run(client.txn.snapshotGet(utf8(key)));
  return value && fromUtf8(value);
};
const put = (txn: Txn, ...pairs: string[]): void => {
  for (const pair of pairs) {
    const [key = '', value = ''] = pair.split('=');
    txn.put(utf8(key), utf8(value));
  }
};
const write = async (...pairs: string[]): Promise<void> => {
  const txn = await begin();
  put(txn, ...pairs);
  await run(txn.commit());
  await run(txn.settled);
};
const methods = (): string[] => cluster.calls.map((call) => call.method);

beforeEach(async () => {
  cluster = await FakeCluster.start();
  client = await run(Client.connect(cluster.env, { scheduler: SCHEDULER }));
  other = await run(Client.connect(cluster.env, { scheduler: SCHEDULER }));
});

describe('a transaction', () => {
  it('commits over Regions: all prewrites, then the primary, then the rest', async () => {
    cluster.split(utf8('c'));
    cluster.split(utf8('e'), 2);
    const txn = await begin();
    put(txn, 'a=1', 'b=2', 'c=3', 'e=4');
    await run(txn.commit());
    await run(txn.settled);
    expect(txn.state).toBe('committed');
    const order = methods().filter((m) => m !== 'KvGet');
    expect(order.slice(0, 3)).toEqual(['KvPrewrite', 'KvPrewrite', 'KvPrewrite']);
    const commits = cluster.callsOf('KvCommit').map(({ request }) => request.keys.map(fromUtf8));
    expect(commits[0]).toEqual(['a', 'b']);
    expect(commits.slice(1).flat().sort()).toEqual(['c', 'e']);
    expect(await Promise.all(['a', 'b', 'c', 'e'].map(get))).toEqual(['1', '2', '3', '4']);
    expect(cluster.calls.every(({ context }) => context.strict)).toBe(true);
  });

  it('reads its own writes, and nothing that came after its start', async () => {
    await write('a=1', 'b=1', 'd=1');
    const txn = await begin();
    await write('a=2', 'c=2');
    put(txn, 'b=own', 'e=own');
    txn.delete(utf8('d'));
    expect(fromUtf8((await run(txn.get(utf8('a'))))!)).toBe('1');
    expect(fromUtf8((await run(txn.get(utf8('b'))))!)).toBe('own');
    expect(await run(txn.get(utf8('c')))).toBeUndefined();
    expect(await run(txn.get(utf8('d')))).toBeUndefined();
    const values = await run(txn.batchGet(['a', 'b', 'c', 'd', 'e'].map(utf8)));
    expect(values.map((v) => v && fromUtf8(v))).toEqual(['1', 'own', undefined, undefined, 'own']);
  });

  it('scans its own writes merged over Regions, with limits, both ways', async () => {
    cluster.split(utf8('c'));
    cluster.split(utf8('f'));
    await write('a=1', 'b=1', 'c=1', 'd=1', 'g=1');
    const txn = await begin();
    put(txn, 'aa=own', 'c=own', 'h=own');
    txn.delete(utf8('b'));
    txn.delete(utf8('g'));
    const scan = async (...args: Parameters<typeof txn.scan>): Promise<string> =>
      (await run(txn.scan(...args)))
        .map(({ key, value }) => `${fromUtf8(key)}=${fromUtf8(value)}`)
        .join(' ');
    expect(await scan(utf8(''))).toBe('a=1 aa=own c=own d=1 h=own');
    expect(await scan(utf8(''), { reverse: true })).toBe('h=own d=1 c=own aa=own a=1');
    expect(await scan(utf8('aa'), { end: utf8('d') })).toBe('aa=own c=own');
    expect(await scan(utf8(''), { limit: 3 })).toBe('a=1 aa=own c=own');
    expect(await scan(utf8('b'), { limit: 2, reverse: true })).toBe('h=own d=1');
    expect(await scan(utf8('c'), { limit: 2, keyOnly: true })).toBe('c= d=');
    expect(await scan(utf8('c'), { valueBytesMax: 2 })).toBe('c=ow d=1 h=ow');
  });

  it('asks for pages of as many bytes as it holds, whatever it leaves on the store', async () => {
    await write('a=1');
    const txn = await begin();
    const { clientScanPageKeys: limit, clientScanPageBytes: answerBytesMax } = limits;
    for (const options of [{}, { keyOnly: true }, { valueBytesMax: 32 }, { reverse: true }]) {
      cluster.calls.length = 0;
      await run(txn.scan(utf8(''), options));
      expect(cluster.calls.at(-1)!.request).toMatchObject({ limit, answerBytesMax, ...options });
    }
    await run(txn.scan(utf8(''), { limit: 3 }));
    expect(cluster.calls.at(-1)!.request).toMatchObject({ limit: 3, answerBytesMax });
  });

  it('costs nothing when it wrote nothing', async () => {
    const txn = await begin();
    await run(txn.get(utf8('a')));
    expect(await run(txn.commit())).toBe(txn.startTs);
    expect(methods()).toEqual(['KvGet']);
  });

  it('takes no calls once it is over', async () => {
    const txn = await begin();
    txn.rollback();
    expect(() => put(txn, 'a=1')).toThrow('rolled-back');
    await expect(txn.commit()).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
  });

  it('a point read needs no timestamp', async () => {
    await write('a=1');
    cluster.tsoRequests.length = 0;
    expect(await get('a')).toBe('1');
    expect(cluster.tsoRequests).toEqual([]);
  });
});

describe('conflicts', () => {
  it('the second of two writers of a key loses, and leaves no locks', async () => {
    cluster.split(utf8('m'));
    const first = await begin();
    const second = await begin();
    put(first, 'x=1');
    put(second, 'a=2', 'x=2');
    await run(first.commit());
    await expect(run(second.commit())).rejects.toThrow(WriteConflictError);
    expect(second.state).toBe('failed');
    await run(second.settled);
    expect(cluster.data.at(utf8('a')).lock).toBeUndefined();
    expect([await get('a'), await get('x')]).toEqual([undefined, '1']);
    // Only what may have been locked is rolled back.
    const rolledBack = cluster.callsOf('KvBatchRollback').flatMap(({ request }) => request.keys);
    expect(rolledBack.map(fromUtf8)).toEqual(['a']);
  });

  it('locked keys protect what was only read', async () => {
    await write('a=1', 'b=1');
    const txn = await begin();
    await txn.lockKeys(utf8('a'));
    put(txn, 'b=2');
    await write('a=2');
    await expect(run(txn.commit())).rejects.toThrow(WriteConflictError);
    expect(await get('b')).toBe('1');
  });

  it('run() runs the function again until it wins', async () => {
    await write('n=0');
    let interfered = false;
    const result = await run(
      client.txn.run(async (txn) => {
        const n = Number(fromUtf8((await txn.get(utf8('n')))!));
        if (!interfered) {
          interfered = true;
          await other.txn.run(async (t) => t.put(utf8('n'), utf8('10')));
        }
        put(txn, `n=${n + 1}`);
        return n + 1;
      }),
    );
    expect(result).toBe(11);
    expect(await get('n')).toBe('11');
  });

  it('run() gives up after its retries, and at once on errors of the function', async () => {
    let runs = 0;
    const losing = client.txn.run(
      async (txn) => {
        // Keys that were in the way are locked when it is run again.
        const key = `n${runs++}`;
        await other.txn.run(async (t) => t.put(utf8(key), utf8('x')));
        put(txn, `${key}=y`);
      },
      { retries: 2 },
    );
    await expect(run(losing)).rejects.toThrow(WriteConflictError);
    expect(runs).toBe(3);
    const failing = client.txn.run(async () => {
      runs++;
      throw new Error('mine');
    });
    await expect(run(failing)).rejects.toThrow('mine');
    expect(runs).toBe(4);
  });

  it('both of two transactions that wait for each other come to an end, the older one wins', async () => {
    cluster.split(utf8('m'));
    cluster.split(utf8('x'));
    const [older, younger] = [await begin(), await run(other.txn.begin())];
    put(older, 'a=older', 'm=older', 'x=older');
    put(younger, 'b=younger', 'm=younger', 'x=younger');
    // Each has its primary, and one of the two keys that both want.
    cluster.script = ({ method, request }) => {
      if (method !== 'KvPrewrite' || cluster.env.clock.mono() > 1_010) return undefined;
      const isOlder = request.startVersion === older.startTs;
      const key = fromUtf8(request.mutations[0].key);
      if (key !== (isOlder ? 'x' : 'm')) return undefined;
      return { type: 'region-error', error: { type: 'server-is-busy', reason: 'test' } };
    };
    const results = await run(Promise.allSettled([older.commit(), younger.commit()]), 1_000);
    expect(results.map((r) => r.status)).toEqual(['fulfilled', 'rejected']);
    expect((results[1] as PromiseRejectedResult).reason).toBeInstanceOf(KeyLockedError);
    expect([await get('b'), await get('m'), await get('x')]).toEqual([undefined, 'older', 'older']);
  });
});

/** Locks `a` (primary) and others as a client that dies in the middle of its commit. */
async function abandon(commitPrimary: boolean, others = ['x']): Promise<bigint> {
  const startTs = cluster.timestamp();
  const mutations = ['a', ...others].map((key) => ({ op: 0, key: utf8(key), value: utf8('left') }));
  const request = { mutations, primaryLock: utf8('a'), startVersion: startTs, lockTtl: 3_000 };
  cluster.data.prewrite(request as Parameters<typeof cluster.data.prewrite>[0]);
  if (commitPrimary) cluster.data.commit([utf8('a')], startTs, cluster.timestamp());
  return startTs;
}

describe('locks of others', () => {
  beforeEach(async () => {
    cluster.split(utf8('m'));
    await write('a=old', 'x=old');
  });

  it('of a committed transaction are rolled forward by a reader', async () => {
    await abandon(true);
    expect(await get('x')).toBe('left');
    const txn = await begin();
    expect(fromUtf8((await run(txn.get(utf8('x'))))!)).toBe('left');
    expect(cluster.data.at(utf8('x')).lock).toBeUndefined();
  });

  it('of a dead one are rolled back when they have expired', async () => {
    const startTs = await abandon(false);
    const before = cluster.env.clock.mono();
    const txn = await begin();
    expect(fromUtf8((await run(txn.get(utf8('x'))))!)).toBe('old');
    expect(cluster.env.clock.mono() - before).toBeGreaterThan(2_500);
    expect(cluster.data.at(utf8('a')).rollbacks.has(startTs)).toBe(true);
    expect(await get('a')).toBe('old');
  });

  it('are waited for while the transaction lives, up to the deadline', async () => {
    await abandon(false);
    const txn = await begin();
    const read = txn.get(utf8('x'), { timeoutMs: 500 });
    await expect(run(read)).rejects.toThrow(KeyLockedError);
  });

  it('are no obstacle to a read of the newest commit while their primary is undecided', async () => {
    const startTs = await abandon(false);
    const before = cluster.env.clock.mono();
    for (let i = 0; i < 2; i++) expect(await get('x')).toBe('old');
    expect(cluster.env.clock.mono() - before).toBeLessThan(100);
    // Each such read asks anew: the transaction may be committed by then.
    cluster.data.commit([utf8('a')], startTs, cluster.timestamp());
    expect(await get('x')).toBe('left');
  });

  it('hold a reader up no longer than its time-out when the scheduler is gone', async () => {
    await abandon(true);
    await cluster.stopScheduler();
    const before = cluster.env.clock.mono();
    const read = client.txn.snapshotGet(utf8('x'), { timeoutMs: 500 });
    await expect(run(read)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(cluster.env.clock.mono() - before).toBeLessThanOrEqual(500);
  });

  it('that changed nothing in the end do not disturb a scan', async () => {
    await abandon(true);
    const txn = await begin();
    const pairs = await run(txn.scan(utf8('')));
    expect(pairs.map(({ key, value }) => `${fromUtf8(key)}=${fromUtf8(value)}`)).toEqual([
      'a=left',
      'x=left',
    ]);
  });

  it('are resolved by a writer, both ways', async () => {
    await abandon(true);
    await write('x=mine');
    expect(await get('x')).toBe('mine');
    await abandon(false);
    cluster.env.clock.advance(3_500);
    await write('x=mine again');
    expect([await get('a'), await get('x')]).toEqual(['left', 'mine again']);
  });

  it('cost one question for all readers that meet them at once', async () => {
    await abandon(true);
    cluster.calls.length = 0;
    const txn = await begin();
    await run(Promise.all(Array.from({ length: 10 }, () => txn.get(utf8('x')))));
    expect(cluster.callsOf('KvCheckTxnStatus')).toHaveLength(1);
  });

  it('are cleared one by one while few of a transaction are met, however many readers meet them', async () => {
    await abandon(true);
    const txn = await begin();
    await run(Promise.all(Array.from({ length: 40 }, () => txn.get(utf8('x')))));
    const asked = cluster.callsOf('KvResolveLock').map(({ request }) => request.keys.map(fromUtf8));
    expect(asked.length).toBeGreaterThan(0);
    expect(asked.every((keys) => keys.length === 1 && keys[0] === 'x')).toBe(true);
  });

  it('are looked for in the whole Region once many of a transaction have been met', async () => {
    const keys = Array.from({ length: 40 }, (_, number) => `x${number + 10}`);
    await abandon(true, keys);
    const txn = await begin();
    for (const key of keys) expect(fromUtf8((await run(txn.get(utf8(key))))!)).toBe('left');
    const asked = cluster.callsOf('KvResolveLock').map(({ request }) => request.keys.length);
    expect(asked).toEqual([...Array.from({ length: 16 }, () => 1), 0]);
  });
});

describe('a commit whose answer is lost', () => {
  const loseCommits = (times: number, served: boolean): void => {
    let lost = 0;
    cluster.script = ({ method }) =>
      method === 'KvCommit' && lost++ < times ? { type: 'lose', served } : undefined;
  };

  it('is repeated, which finds out what became of it', async () => {
    for (const served of [true, false]) {
      loseCommits(2, served);
      await write(`a=${served}`);
      expect(await get('a')).toBe(String(served));
    }
  });

  it('is found out by asking when the store does not know the lock any more', async () => {
    let commits = 0;
    cluster.script = ({ method }) => {
      if (method !== 'KvCommit') return undefined;
      if (commits++ === 0) return { type: 'lose', served: true };
      return { type: 'key-error', error: { retryable: 'lock not found' } };
    };
    await write('a=1');
    expect(await get('a')).toBe('1');
  });

  it('is an abort when the transaction turns out to be rolled back', async () => {
    const txn = await begin();
    put(txn, 'a=1');
    let commits = 0;
    cluster.script = ({ method }) => {
      if (method !== 'KvCommit') return undefined;
      if (commits++ === 0) return { type: 'lose', served: false };
      cluster.data.rollback([utf8('a')], txn.startTs);
      return undefined;
    };
    await expect(run(txn.commit())).rejects.toThrow(TxnAbortedError);
    expect(await get('a')).toBeUndefined();
  });

  it('is undetermined when nobody answers until the deadline, and nothing is cleaned up', async () => {
    const txn = await begin();
    put(txn, 'a=1', 'b=2');
    cluster.script = ({ method }) =>
      method === 'KvCommit' ? { type: 'lose', served: false } : undefined;
    await expect(run(txn.commit())).rejects.toThrow(UndeterminedError);
    await run(txn.settled);
    expect(cluster.callsOf('KvBatchRollback')).toEqual([]);
    expect(cluster.data.at(utf8('a')).lock?.startTs).toBe(txn.startTs);
  });

  it('is never run again by run()', async () => {
    let runs = 0;
    cluster.script = ({ method }) =>
      method === 'KvCommit' ? { type: 'lose', served: true } : undefined;
    const running = client.txn.run(async (txn) => {
      runs++;
      put(txn, 'a=1');
    });
    await expect(run(running)).rejects.toThrow(UndeterminedError);
    expect(runs).toBe(1);
  });
});

describe('a commit that certainly failed', () => {
  it('is told from one that others have completed at another timestamp, which is never run again', async () => {
    let runs = 0;
    cluster.script = ({ method, request: { startVersion, keys } }) => {
      if (method !== 'KvCommit') return undefined;
      cluster.data.commit(keys, startVersion, startVersion + 1n);
      return { type: 'key-error', error: { abort: 'committed at another timestamp' } };
    };
    const running = client.txn.run(async (txn) => {
      runs++;
      put(txn, 'a=1', 'b=2');
    });
    await expect(run(running)).rejects.toThrow(/is committed at \d+, not at \d+/);
    expect(runs).toBe(1);
    await cluster.env.clock.run(1_000);
    expect(cluster.callsOf('KvBatchRollback'), 'its other locks are part of it').toEqual([]);
    expect(await get('a')).toBe('1');
  });

  it('because no store served it leaves no locks behind', async () => {
    const txn = await begin();
    put(txn, 'a=1');
    cluster.script = ({ method }) =>
      method === 'KvCommit'
        ? { type: 'region-error', error: { type: 'server-is-busy', reason: 'test' } }
        : undefined;
    await expect(run(txn.commit())).rejects.toThrow(RegionUnavailableError);
    await run(txn.settled);
    expect(cluster.data.at(utf8('a')).lock).toBeUndefined();
  });

  it('because the scheduler is gone is rolled back', async () => {
    const txn = await begin();
    put(txn, 'a=1');
    await cluster.stopScheduler();
    await expect(run(txn.commit(), 120_000)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await run(txn.settled);
    expect(cluster.data.at(utf8('a')).lock).toBeUndefined();
  });

  it('because it is too large for a log entry says so', async () => {
    const txn = await begin();
    put(txn, 'a=1');
    cluster.script = () => ({
      type: 'region-error',
      error: { type: 'raft-entry-too-large', regionId: 1, entryBytes: 9_000_000 },
    });
    await expect(run(txn.commit())).rejects.toThrow(EntryTooLargeError);
  });
});

describe('Regions that change under a commit', () => {
  it('split between prewrite and commit', async () => {
    const txn = await begin();
    put(txn, 'a=1', 'b=2', 'c=3');
    let isSplit = false;
    cluster.script = ({ method }) => {
      if (method === 'KvCommit' && !isSplit) {
        isSplit = true;
        cluster.split(utf8('b'), 3);
      }
      return undefined;
    };
    await run(txn.commit());
    await run(txn.settled);
    expect(await Promise.all(['a', 'b', 'c'].map(get))).toEqual(['1', '2', '3']);
  });

  it('split before the prewrite, which is cut in two', async () => {
    await get('a');
    cluster.split(utf8('b'), 2);
    await write('a=1', 'b=2', 'c=3');
    expect(await Promise.all(['a', 'b', 'c'].map(get))).toEqual(['1', '2', '3']);
  });

  it('a prewrite whose answer is lost is repeated', async () => {
    let lost = 0;
    cluster.script = ({ method }) =>
      method === 'KvPrewrite' && lost++ < 2 ? { type: 'lose', served: true } : undefined;
    await write('a=1');
    expect(await get('a')).toBe('1');
  });

  it('cuts large transactions into requests of at most 16 KiB', async () => {
    cluster.split(utf8('l'));
    const txn = await begin();
    txn.put(utf8('l'), utf8('1'));
    for (let i = 0; i < 40; i++) txn.put(utf8(`k${i}`), new Uint8Array(1_000));
    await run(txn.commit());
    await run(txn.settled);
    const sizes = cluster.callsOf('KvPrewrite').map(({ request }) => request.mutations.length);
    expect(sizes.sort()).toEqual([1, 16, 16, 8]);
    expect((await run(client.txn.run((t) => t.scan(utf8('k'))))).length).toBe(41);
  });
});
