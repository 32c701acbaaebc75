import { fromUtf8, keyString, type Timestamp, utf8 } from '@tinykv/base';
import type { WriteCondition } from '@tinykv/model';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeCluster, SCHEDULER } from '../tests/fake-cluster.js';
import { Client } from './client.js';
import { KeyLockedError, UndeterminedError } from './errors.js';
import type { OneKeyResult } from './one-key-wire.js';

let cluster: FakeCluster;
let client: Client;

const run = <T>(promise: Promise<T>): Promise<T> => cluster.env.clock.runUntil(promise);
const methods = (): string[] => cluster.calls.map((call) => call.method);
const ALWAYS: WriteCondition = { type: 'always' };
const ABSENT: WriteCondition = { type: 'absent' };

function write(
  key: string,
  ts: Timestamp,
  value: string | undefined,
  condition = ALWAYS,
): Promise<OneKeyResult> {
  const change = value === undefined ? undefined : utf8(value);
  return client.txn.writeOneKey({ key: utf8(key), ts, condition, value: change });
}

async function get(key: string): Promise<string | undefined> {
  const value = await run(client.txn.getNewest(utf8(key)));
  return value && fromUtf8(value);
}

/** Loses the answers to the first `count` requests. */
function loseAnswers(count: number, served: boolean): void {
  let left = count;
  cluster.script = ({ method }) =>
    method === 'KvOneKeyWrite' && left-- > 0 ? { type: 'lose', served } : undefined;
}

beforeEach(async () => {
  cluster = await FakeCluster.start();
  client = await run(Client.connect(cluster.env, { scheduler: SCHEDULER }));
});

describe('writes of one key', () => {
  it('of one turn share a request for each Region', async () => {
    cluster.split(utf8('m'));
    const ts = await run(client.txn.timestamp());
    await run(write('a', ts, 'warm'));
    await run(write('z', ts, 'warm'));
    cluster.calls.length = 0;
    const later = await run(client.txn.timestamp());
    const keys = ['a', 'z', 'b', 'y', 'c'];
    const results = await run(Promise.all(keys.map((key) => write(key, later, `${key}!`))));
    expect(results.map(({ type }) => type)).toEqual(keys.map(() => 'written'));
    expect(methods()).toEqual(['KvOneKeyWrite', 'KvOneKeyWrite']);
    for (const key of keys) expect(await get(key)).toBe(`${key}!`);
  });

  it('take companions of their Region with them, and are not done with those of another', async () => {
    cluster.split(utf8('m'));
    const ts = await run(client.txn.timestamp());
    const both = (key: string, other: string): Promise<OneKeyResult> => {
      const companions = [{ key: utf8(other), value: utf8('with') }];
      return client.txn.writeOneKey({
        key: utf8(key),
        ts,
        condition: ALWAYS,
        value: utf8('v'),
        companions,
      });
    };
    expect((await run(both('a', 'a2'))).type).toBe('written');
    expect(await get('a2')).toBe('with');
    expect((await run(both('b', 'z'))).type).toBe('apart');
    expect(await get('b')).toBeUndefined();
    // A request that is lost on its way may have been done before the Region was split.
    let sent = 0;
    cluster.script = ({ method }) => {
      if (method !== 'KvOneKeyWrite') return undefined;
      if (++sent === 2) cluster.split(utf8('c1'));
      return sent === 1 ? { type: 'lose', served: true } : undefined;
    };
    const lost = both('c', 'c2');
    expect((await run(lost)).type).toBe('written');
    expect(await get('c2')).toBe('with');
  });

  it('have an outcome each', async () => {
    const ts = await run(client.txn.timestamp());
    await run(write('a', ts, 'one'));
    const later = await run(client.txn.timestamp());
    const results = await run(
      Promise.all([
        write('a', later, 'two', ABSENT),
        write('b', later, 'two', ABSENT),
        write('c', later, undefined, { type: 'version', version: 0n }),
        write('d', later, 'x', { type: 'head', heads: [utf8('o')], orAbsent: false }),
      ]),
    );
    expect(results).toMatchObject([
      { type: 'refused', value: utf8('one'), version: ts + 1n },
      { type: 'written' },
      { type: 'written' },
      { type: 'refused', value: undefined, version: 0n },
    ]);
  });

  it('go on where their Region was split or moved', async () => {
    const ts = await run(client.txn.timestamp());
    await run(write('a', ts, 'one'));
    cluster.split(utf8('m'));
    const later = await run(client.txn.timestamp());
    const results = await run(Promise.all(['a', 'z'].map((key) => write(key, later, 'two'))));
    expect(results).toMatchObject([{ type: 'written' }, { type: 'written' }]);
    expect([await get('a'), await get('z')]).toEqual(['two', 'two']);
  });

  it('that meet a latch ask again by themselves, and hold up no other', async () => {
    cluster.latched.add(keyString(utf8('a')));
    const ts = await run(client.txn.timestamp());
    await run(Promise.all([write('a', ts, '1'), write('b', ts, '2')]));
    const asked = cluster.callsOf('KvOneKeyWrite').map(({ request }) => request);
    expect(asked.map(({ writes }) => writes.length)).toEqual([2, 1]);
    expect(asked.map(({ waitForLatches }) => waitForLatches)).toEqual([false, true]);
    expect(await get('a')).toBe('1');
  });

  it('resolve the lock of a transaction that is over, and wait for one that lives', async () => {
    const abandoned = await run(client.txn.begin());
    abandoned.put(utf8('a'), utf8('never'));
    cluster.script = ({ method }) => (method === 'KvCommit' ? { type: 'hang' } : undefined);
    const commit = abandoned.commit();
    commit.catch(() => undefined);
    await cluster.env.clock.run(100);
    const ts = await run(client.txn.timestamp());
    const options = { timeoutMs: 500 };
    const request = { key: utf8('a'), ts, condition: ALWAYS, value: utf8('mine') };
    await expect(run(client.txn.writeOneKey(request, options))).rejects.toThrow(KeyLockedError);
    cluster.script = () => undefined;
    await cluster.env.clock.run(20_000);
    const later = await run(client.txn.timestamp());
    expect(await run(write('a', later, 'mine'))).toMatchObject({ type: 'written' });
    expect(await get('a')).toBe('mine');
  });

  it('ask less and less often while a transaction that lives holds the key', async () => {
    const holder = await run(client.txn.begin());
    holder.put(utf8('a'), utf8('theirs'));
    cluster.script = ({ method }) => (method === 'KvCommit' ? { type: 'hang' } : undefined);
    holder.commit().catch(() => undefined);
    await cluster.env.clock.run(100);
    const ts = await run(client.txn.timestamp());
    const request = { key: utf8('a'), ts, condition: ALWAYS, value: utf8('mine') };
    const failure = run(client.txn.writeOneKey(request, { timeoutMs: 2_000 }));
    await expect(failure).rejects.toThrow(KeyLockedError);
    expect(cluster.callsOf('KvOneKeyWrite').length).toBeLessThan(100);
  });

  it('are sent in requests that a message can carry', async () => {
    const ts = await run(client.txn.timestamp());
    const value = 'v'.repeat(200_000);
    const keys = Array.from({ length: 20 }, (_, i) => `k${i}`);
    const results = await run(Promise.all(keys.map((key) => write(key, ts, value))));
    expect(results.map(({ type }) => type)).toEqual(keys.map(() => 'written'));
    const sizes = cluster.callsOf('KvOneKeyWrite').map(({ request }) => request.writes.length);
    expect(Math.max(...sizes)).toBe(5);
  });

  it('are left to a transaction by a store of an older version', async () => {
    cluster.script = ({ method }) =>
      method === 'KvOneKeyWrite' ? { type: 'status', status: 12 } : undefined;
    const ts = await run(client.txn.timestamp());
    expect(await run(write('a', ts, '1'))).toEqual({ type: 'unready' });
  });

  it('that have begun are waited for when the client is closed', async () => {
    const ts = await run(client.txn.timestamp());
    cluster.answersAfterMs = 200;
    const written = write('a', ts, '1');
    await cluster.env.clock.run(20);
    await run(client.close());
    expect(await written).toMatchObject({ type: 'written' });
  });

  it('say when their store cannot decide', async () => {
    cluster.unready = true;
    const ts = await run(client.txn.timestamp());
    expect(await run(write('a', ts, '1'))).toEqual({ type: 'unready' });
    expect(await get('a')).toBeUndefined();
  });
});

describe('a write of one key whose answer is lost', () => {
  it('is done once, and says so', async () => {
    for (const served of [true, false]) {
      loseAnswers(1, served);
      const ts = await run(client.txn.timestamp());
      const key = `k${served}`;
      expect(await run(write(key, ts, 'one', ABSENT))).toEqual({
        type: 'written',
        commitTs: ts + 1n,
      });
      expect(await get(key)).toBe('one');
    }
  });

  it('and that is then refused is never done by a late copy', async () => {
    const first = await run(client.txn.timestamp());
    await run(write('a', first, 'theirs'));
    loseAnswers(1, false);
    const ts = await run(client.txn.timestamp());
    expect(await run(write('a', ts, 'mine', ABSENT))).toMatchObject({ type: 'refused' });
    // The key remembers that it was asked.
    expect(cluster.callsOf('KvCheckTxnStatus')).toHaveLength(1);
    expect(cluster.data.at(utf8('a')).rollbacks.has(ts)).toBe(true);
  });

  it('and that has nothing to delete leaves its mark, or a late copy would delete what comes then', async () => {
    loseAnswers(1, false);
    const ts = await run(client.txn.timestamp());
    cluster.deletesNothing = true;
    expect(await run(write('a', ts, undefined))).toEqual({ type: 'written', commitTs: undefined });
    expect(cluster.data.at(utf8('a')).rollbacks.has(ts)).toBe(true);
  });

  it('is unknown when nobody tells', async () => {
    cluster.script = ({ method }) =>
      method === 'KvOneKeyWrite' || method === 'KvCheckTxnStatus' ? { type: 'hang' } : undefined;
    const ts = await run(client.txn.timestamp());
    await expect(run(write('a', ts, 'one'))).rejects.toThrow(UndeterminedError);
  });

  it('is not unknown when it was never sent', async () => {
    cluster.script = ({ method }) =>
      method === 'KvOneKeyWrite'
        ? { type: 'region-error', error: { type: 'server-is-busy', reason: 'full' } }
        : undefined;
    const ts = await run(client.txn.timestamp());
    const failure = run(write('a', ts, 'one'));
    await expect(failure).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});
