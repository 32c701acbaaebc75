import { fromUtf8, utf8 } from '@tinykv/base';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeCluster, SCHEDULER } from '../tests/fake-cluster.js';
import { Client } from './client.js';
import { UndeterminedError, WriteConflictError } from './errors.js';
import type { Txn } from './txn.js';

let cluster: FakeCluster;
let client: Client;

const run = <T>(promise: Promise<T>): Promise<T> => cluster.env.clock.runUntil(promise);
const methods = (): string[] => cluster.calls.map((call) => call.method);

async function begin(...pairs: string[]): Promise<Txn> {
  const txn = await run(client.txn.begin());
  for (const pair of pairs) {
    const [key = '', value = ''] = pair.split('=');
    txn.put(utf8(key), utf8(value));
  }
  return txn;
}

async function get(key: string): Promise<string | undefined> {
  const value = await run(client.txn.snapshotGet(utf8(key)));
  return value && fromUtf8(value);
}

/** Loses the answers to the first `count` prewrites. */
function loseAnswers(count: number, served: boolean): void {
  let left = count;
  cluster.script = ({ method }) =>
    method === 'KvPrewrite' && left-- > 0 ? { type: 'lose', served } : undefined;
}

beforeEach(async () => {
  cluster = await FakeCluster.start();
  cluster.onePhase = true;
  client = await run(Client.connect(cluster.env, { scheduler: SCHEDULER }));
});

describe('a transaction of one Region', () => {
  it('costs one timestamp and one request', async () => {
    const txn = await begin('a=1', 'b=2');
    expect(await run(txn.commit())).toBe(txn.startTs + 1n);
    expect(methods()).toEqual(['KvPrewrite']);
    expect(cluster.tsoRequests).toHaveLength(1);
    expect([await get('a'), await get('b')]).toEqual(['1', '2']);
  });

  it('is not refused for the commit before it, whose timestamp its store chose', async () => {
    await run((await begin('a=1')).commit());
    await run((await begin('a=2')).commit());
    expect(await get('a')).toBe('2');
  });

  it('goes on in two phases where its store only locks', async () => {
    cluster.onePhase = false;
    const txn = await begin('a=1');
    await run(txn.commit());
    expect(methods()).toEqual(['KvPrewrite', 'KvCommit']);
  });

  it('is not tried over two Regions, nor where the client is told not to', async () => {
    cluster.split(utf8('b'));
    await run((await begin('a=1', 'c=2')).commit());
    const options = { scheduler: SCHEDULER, onePhaseCommit: false };
    client = await run(Client.connect(cluster.env, options));
    await run((await begin('a=1')).commit());
    const tried = cluster.callsOf('KvPrewrite').map(({ request }) => request.tryOnePc);
    // The first does not know of the split before it is told.
    expect(tried.slice(-3)).toEqual([false, false, false]);
  });
});

describe('an answer that is lost', () => {
  it('of a commit is found out at the primary', async () => {
    loseAnswers(1, true);
    const txn = await begin('a=1', 'b=2');
    expect(await run(txn.commit())).toBe(txn.startTs + 1n);
    expect(methods().at(-1)).toBe('KvCheckTxnStatus');
    expect(methods()).not.toContain('KvCommit');
    expect(txn.state).toBe('committed');
  });

  it('of a request that never arrived changes nothing', async () => {
    loseAnswers(1, false);
    const txn = await begin('a=1');
    expect(await run(txn.commit())).toBe(txn.startTs + 1n);
    expect(new Set(methods())).toEqual(new Set(['KvPrewrite']));
  });

  it('before a conflict with another: nothing late may still commit', async () => {
    const txn = await begin('a=1', 'b=1');
    await run((await begin('b=2')).commit());
    loseAnswers(1, false);
    await expect(run(txn.commit())).rejects.toThrow(WriteConflictError);
    // The question at the primary has left a rollback there.
    expect(cluster.data.at(utf8('a')).rollbacks.has(txn.startTs)).toBe(true);
    expect(await get('a')).toBeUndefined();
  });

  it('again and again until the time is over is an unknown outcome, and nothing is cleaned up', async () => {
    loseAnswers(Number.POSITIVE_INFINITY, true);
    const txn = await begin('a=1');
    await expect(run(txn.commit())).rejects.toThrow(UndeterminedError);
    await run(txn.settled);
    expect(cluster.callsOf('KvBatchRollback')).toEqual([]);
    cluster.script = () => undefined;
    expect(await get('a')).toBe('1');
  });

  it('is never a reason to run the work again', async () => {
    loseAnswers(Number.POSITIVE_INFINITY, true);
    let runs = 0;
    const running = client.txn.run(async (txn) => {
      runs++;
      txn.put(utf8('a'), utf8('1'));
    });
    await expect(run(running)).rejects.toThrow(UndeterminedError);
    expect(runs).toBe(1);
  });
});
