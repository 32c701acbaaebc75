import { fromUtf8, type Timestamp, utf8 } from '@tinykv/base';
import { kvrpcpb } from '@tinykv/proto';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeCluster, SCHEDULER } from '../tests/fake-cluster.js';
import { Client } from './client.js';
import { KeyLockedError, LockWaitTimeoutError } from './errors.js';
import type { Txn } from './txn.js';

let cluster: FakeCluster;
let client: Client;

const run = <T>(promise: Promise<T>, maxMs?: number): Promise<T> =>
  cluster.env.clock.runUntil(promise, maxMs);
const text = (value: Uint8Array | undefined): string | undefined => value && fromUtf8(value);
const put = (key: string, value: string) => client.txn(async (t) => t.put(utf8(key), utf8(value)));
const read = (key: string) => run(client.txn.snapshotGet(utf8(key))).then(text);
const lockedKeys = (): string[] =>
  cluster.callsOf('KvPessimisticLock').flatMap(({ request }) => request.keys.map(fromUtf8));

beforeEach(async () => {
  cluster = await FakeCluster.start();
  client = await run(Client.connect(cluster.env, { scheduler: SCHEDULER }));
});

/** What somebody else commits at once. */
function commitAt(commitTs: Timestamp, key: string, value: string): void {
  const version = { commitTs, startTs: commitTs - 1n, op: kvrpcpb.Op.Put, value: utf8(value) };
  cluster.data.at(utf8(key)).writes.unshift(version);
}

/** Somebody else locks a key pessimistically, and lives. */
async function hold(key: string): Promise<Txn> {
  const txn = await run(client.txn.begin({ pessimistic: true }));
  await run(txn.lockKeys(utf8(key)));
  return txn;
}

describe('a transaction that is run again after a conflict', () => {
  /** It loses its first run on `a` and `b`, and may be interfered with again. */
  async function runTwice(work: (txn: Txn) => Promise<void>): Promise<void> {
    let runs = 0;
    await run(
      client.txn(async (txn) => {
        if (runs++ === 0) {
          await put('b', 'two');
          await put('a', 'two');
          txn.put(utf8('b'), utf8('mine'));
          txn.put(utf8('a'), utf8('mine'));
        } else await work(txn);
      }),
    );
    expect(runs).toBe(2);
  }

  it('locks the keys that were in its way first, in their order, each once', async () => {
    await runTwice(async (txn) => {
      expect(lockedKeys()).toEqual(['a', 'b']);
      expect(text(await txn.get(utf8('a')))).toBe('two');
      txn.put(utf8('a'), utf8('three'));
      txn.put(utf8('c'), utf8('three'));
    });
    expect(await read('a')).toBe('three');
    expect(await read('b')).toBe('two');
  });

  it('reads a snapshot that agrees with the values under its locks', async () => {
    let asked = 0;
    cluster.script = ({ method, request }) => {
      if (method === 'KvPessimisticLock' && asked++ === 0) {
        for (const key of ['a', 'z']) commitAt(request.startVersion + 1n, key, 'late');
      }
      return undefined;
    };
    await runTwice(async (txn) => {
      // Both were written between its begin and its lock of the first.
      expect(text(await txn.get(utf8('a')))).toBe('late');
      expect(text(await txn.get(utf8('z')))).toBe('late');
      const [pair] = await txn.scan(utf8('z'));
      expect(text(pair!.value)).toBe('late');
      expect(txn.startTs).toBeGreaterThan(
        cluster.callsOf('KvPessimisticLock')[0]!.request.startVersion,
      );
      txn.put(utf8('a'), utf8('three'));
    });
  });

  it('commits nothing when it writes nothing, and gives the locks back', async () => {
    await runTwice(async () => undefined);
    const commits = cluster.callsOf('KvCommit').length + cluster.callsOf('KvPrewrite').length;
    await run(client.close());
    expect(cluster.callsOf('KvCommit').length + cluster.callsOf('KvPrewrite').length).toBe(commits);
    for (const key of ['a', 'b']) expect(cluster.data.at(utf8(key)).lock).toBeUndefined();
  });

  it('takes lockKeys and getForUpdate for promises, as before', async () => {
    await runTwice(async (txn) => {
      await txn.lockKeys(utf8('c'));
      await txn.getForUpdate(utf8('d'));
      txn.put(utf8('a'), utf8('three'));
    });
    expect(lockedKeys()).toEqual(['a', 'b']);
  });

  it('waits for no pause, but in line', async () => {
    const began = cluster.env.clock.mono();
    await runTwice(async () => undefined);
    expect(cluster.env.clock.mono()).toBe(began);
  });
});

describe('a commit that meets a living pessimistic lock', () => {
  it('makes way at once if it is run again in line', async () => {
    const holder = await hold('a');
    const work = client.txn(async (txn) => txn.put(utf8('a'), utf8('mine')));
    await cluster.env.clock.run(1);
    // Beside the holder's: it waits in line.
    expect(lockedKeys().length).toBeGreaterThan(1);
    holder.rollback();
    await run(work);
    expect(await read('a')).toBe('mine');
  });

  it('waits for it, as long as for any other, if nobody runs it again', async () => {
    const holder = await hold('a');
    const txn = await run(client.txn.begin());
    txn.put(utf8('a'), utf8('mine'));
    const began = cluster.env.clock.mono();
    await expect(run(txn.commit())).rejects.toBeInstanceOf(KeyLockedError);
    expect(cluster.env.clock.mono() - began).toBeGreaterThan(50);
    holder.rollback();
  });
});

describe('a transaction that does not get a lock in time', () => {
  it('is not run again when it is pessimistic: it has said how long it waits', async () => {
    const holder = await hold('a');
    for (const options of [{ lockWaitMs: 0 }, { lockWaitMs: 300 }, { timeoutMs: 400 }]) {
      let runs = 0;
      const work = client.txn(
        async (txn) => {
          runs += 1;
          await txn.getForUpdate(utf8('a'));
        },
        { pessimistic: true, ...options },
      );
      await expect(run(work)).rejects.toBeInstanceOf(LockWaitTimeoutError);
      expect(runs).toBe(1);
    }
    holder.rollback();
  });

  it('says so, too, when its store is lost while it waits', async () => {
    const holder = await hold('a');
    const txn = await run(client.txn.begin({ pessimistic: true, timeoutMs: 2_000 }));
    let asked = 0;
    cluster.script = ({ method }) => {
      if (method !== 'KvPessimisticLock' || asked++ < 2) return undefined;
      return {
        type: 'region-error',
        error: { type: 'not-leader', regionId: 1, leader: undefined },
      };
    };
    const failed = await run(txn.getForUpdate(utf8('a')).catch((error: unknown) => error));
    expect(failed).toBeInstanceOf(LockWaitTimeoutError);
    expect(asked).toBeGreaterThan(3);
    cluster.script = () => undefined;
    holder.rollback();
  });
});

describe('a lock request', () => {
  it('goes back at once to a store that has let it wait, and names the transaction that lives', async () => {
    const holder = await hold('a');
    cluster.answersAfterMs = 1_000;
    const txn = await run(client.txn.begin({ pessimistic: true, timeoutMs: 20_000 }));
    const call = txn.getForUpdate(utf8('a'));
    await cluster.env.clock.run(6_500);
    cluster.answersAfterMs = 0;
    const requests = cluster
      .callsOf('KvPessimisticLock')
      .slice(1)
      .map(({ request }) => request);
    // Each second the wait, each second the question about the holder.
    expect(requests.length).toBeGreaterThanOrEqual(3);
    const alive = requests.map(({ aliveLockTs }) => aliveLockTs);
    expect(alive).toEqual([0n, ...requests.slice(1).map(() => holder.startTs)]);
    holder.rollback();
    await run(call);
  });

  it('asks again with a newer timestamp at a store that does not hand locks on', async () => {
    const txn = await run(client.txn.begin({ pessimistic: true }));
    const conflict = { startTs: txn.startTs, conflictTs: txn.startTs + 1n, key: utf8('a') };
    let asked = 0;
    cluster.script = ({ method }) =>
      method === 'KvPessimisticLock' && asked++ === 0
        ? { type: 'key-error', error: { conflict: { ...conflict, primary: utf8('a') } } }
        : undefined;
    await run(txn.lockKeys(utf8('a')));
    const [first, second] = cluster.callsOf('KvPessimisticLock').map(({ request }) => request);
    expect(second.forUpdateTs).toBeGreaterThan(first.forUpdateTs);
  });

  it('makes the prewrite say what the lock has seen', async () => {
    const txn = await run(client.txn.begin({ pessimistic: true }));
    commitAt(txn.startTs + 5n, 'a', 'newer');
    expect(text(await run(txn.getForUpdate(utf8('a'))))).toBe('newer');
    await run(txn.lockKeys(utf8('b')));
    txn.put(utf8('c'), utf8('1'));
    await run(txn.commit());
    const mutations = cluster.callsOf('KvPrewrite').flatMap(({ request }) => request.mutations);
    const seen = mutations.map((m) => [fromUtf8(m.key), m.lockedForUpdateTs]);
    const at = txn.startTs + 5n;
    expect(seen).toEqual([
      ['a', at],
      ['b', at],
      ['c', 0n],
    ]);
  });
});
