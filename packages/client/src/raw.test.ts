import { fromUtf8, utf8 } from '@tinykv/base';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeCluster, SCHEDULER } from '../tests/fake-cluster.js';
import { Client } from './client.js';
import { RegionUnavailableError, UndeterminedError } from './errors.js';

let cluster: FakeCluster;
let client: Client;

const run = <T>(promise: Promise<T>, maxMs?: number): Promise<T> =>
  cluster.env.clock.runUntil(promise, maxMs);
const text = (value: Uint8Array | undefined): string | undefined => value && fromUtf8(value);

beforeEach(async () => {
  cluster = await FakeCluster.start();
  client = await run(Client.connect(cluster.env, { scheduler: SCHEDULER }));
});

describe('raw', () => {
  it('puts, gets and deletes', async () => {
    await run(client.raw.put(utf8('k'), utf8('v')));
    expect(text(await run(client.raw.get(utf8('k'))))).toBe('v');
    expect(await run(client.raw.get(utf8('k'), { cf: 'write' }))).toBeUndefined();
    await run(client.raw.delete(utf8('k')));
    expect(await run(client.raw.get(utf8('k')))).toBeUndefined();
  });

  it('sends the requests of a turn in one message', async () => {
    const keys = Array.from({ length: 100 }, (_, i) => utf8(`key${i}`));
    await run(client.raw.batchPut(keys.map((key) => ({ key, value: key }))));
    await run(client.raw.get(keys[0]!));
    cluster.batches.length = 0;
    const values = await run(client.raw.batchGet([...keys, utf8('nothing')]));
    expect(values.map(text)).toEqual([...keys.map(text), undefined]);
    expect(cluster.batches).toEqual([101]);
  });

  it('scans over Regions, forwards and backwards, with limits', async () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    for (const name of names) await run(client.raw.put(utf8(name), utf8(name.toUpperCase())));
    cluster.split(utf8('c'));
    cluster.split(utf8('e'), 2);
    const scan = async (...args: Parameters<typeof client.raw.scan>): Promise<string> =>
      (await run(client.raw.scan(...args))).map(({ key }) => fromUtf8(key)).join('');
    expect(await scan(utf8(''))).toBe('abcdef');
    expect(await scan(utf8('b'), { end: utf8('e') })).toBe('bcd');
    expect(await scan(utf8('b'), { limit: 3 })).toBe('bcd');
    expect(await scan(utf8(''), { reverse: true })).toBe('fedcba');
    expect(await scan(utf8('b'), { end: utf8('e'), reverse: true })).toBe('dcb');
    expect(await scan(utf8('a'), { end: utf8('e'), reverse: true, limit: 2 })).toBe('dc');
    expect(await scan(utf8('x'), { end: utf8('b') })).toBe('');
    const pairs = await run(client.raw.scan(utf8('a'), { limit: 1, keyOnly: true }));
    expect(pairs.map(({ value }) => value.length)).toEqual([0]);
  });

  it('asks for fewer pairs when a page is too large for one answer', async () => {
    for (const name of ['a', 'b', 'c']) await run(client.raw.put(utf8(name), utf8(name)));
    cluster.script = ({ method, request }) =>
      method === 'RawScan' && request.limit > 2 ? { type: 'status', status: 8 } : undefined;
    const pairs = await run(client.raw.scan(utf8('')));
    expect(pairs.map(({ key }) => fromUtf8(key))).toEqual(['a', 'b', 'c']);
  });

  it('swaps a value that is as expected, and says what was there', async () => {
    const swap = async (...[expected, value]: (string | undefined)[]) => {
      const bytes = [expected, value].map((each) => (each === undefined ? each : utf8(each)));
      const { swapped, previous } = await run(
        client.raw.compareAndSwap(utf8('k'), bytes[0], bytes[1]),
      );
      return [swapped, text(previous)];
    };
    expect(await swap(undefined, 'a')).toEqual([true, undefined]);
    expect(await swap(undefined, 'b')).toEqual([false, 'a']);
    expect(await swap('a', 'b')).toEqual([true, 'a']);
    expect(await swap('b', undefined)).toEqual([true, 'b']);
    expect(await run(client.raw.get(utf8('k')))).toBeUndefined();
  });

  it('puts keys with a time to live, says what is left of it, and keeps it in a swap unless told', async () => {
    const { raw } = client;
    await run(raw.put(utf8('k'), utf8('a'), { ttlMs: 5_000 }));
    expect(await run(raw.ttl(utf8('k')))).toBe(5_000);
    await run(raw.compareAndSwap(utf8('k'), utf8('a'), utf8('b')));
    expect(await run(raw.ttl(utf8('k')))).toBe(5_000);
    await run(raw.compareAndSwap(utf8('k'), utf8('b'), utf8('c'), { ttlMs: 7_000 }));
    expect(await run(raw.ttl(utf8('k')))).toBe(7_000);
    await run(raw.compareAndSwap(utf8('k'), utf8('c'), utf8('d'), { ttlMs: Infinity }));
    expect(await run(raw.ttl(utf8('k')))).toBe(Number.POSITIVE_INFINITY);
    await run(raw.put(utf8('l'), utf8('a'), { ttlMs: Infinity }));
    expect(await run(raw.ttl(utf8('l')))).toBe(Number.POSITIVE_INFINITY);
    expect(await run(raw.ttl(utf8('nothing')))).toBeUndefined();
  });

  it('refuses a time to live that is none, with a plain error', async () => {
    for (const ttlMs of [0, -1, 1.5, Number.NaN, 4e15, '5' as unknown as number]) {
      const put = client.raw.put(utf8('k'), utf8('v'), { ttlMs });
      await expect(run(put)).rejects.toThrow(/^ttlMs is to be a whole number from 1 to \d+, or/);
    }
    const remove = client.raw.put(utf8('k'), utf8(''), { ttlMs: 5 });
    await expect(run(remove)).rejects.toThrow('a key that is deleted has no ttlMs');
    expect(cluster.calls).toEqual([]);
  });

  it('never repeats a swap whose outcome is unknown', async () => {
    for (const served of [true, false]) {
      cluster.calls.length = 0;
      cluster.script = () => ({ type: 'lose', served });
      const swap = client.raw.compareAndSwap(utf8('k'), undefined, utf8('v'));
      await expect(run(swap)).rejects.toThrow(UndeterminedError);
      expect(cluster.callsOf('RawCompareAndSwap')).toHaveLength(1);
    }
  });

  it('never repeats a put whose outcome is unknown', async () => {
    for (const served of [true, false]) {
      cluster.calls.length = 0;
      cluster.script = () => ({ type: 'lose', served });
      await expect(run(client.raw.put(utf8('k'), utf8('v')))).rejects.toThrow(UndeterminedError);
      expect(cluster.callsOf('RawPut')).toHaveLength(1);
    }
  });

  it('does not repeat a put that the store answered with UNKNOWN', async () => {
    cluster.script = () => ({ type: 'status', status: 2 });
    await expect(run(client.raw.put(utf8('k'), utf8('v')))).rejects.toThrow(UndeterminedError);
    expect(cluster.callsOf('RawPut')).toHaveLength(1);
  });

  it('repeats it when told to', async () => {
    let lost = 0;
    cluster.script = () => (lost++ < 2 ? { type: 'lose', served: true } : undefined);
    await run(client.raw.put(utf8('k'), utf8('v'), { retryUnknown: true }));
    // The second and third attempt go to the peers that may have become leader.
    expect(cluster.callsOf('RawPut').length).toBeGreaterThanOrEqual(3);
  });

  it('calls a put that hangs undetermined at its deadline', async () => {
    cluster.script = () => ({ type: 'hang' });
    const put = client.raw.put(utf8('k'), utf8('v'), { timeoutMs: 1_000 });
    await expect(run(put)).rejects.toThrow(UndeterminedError);
  });

  it('says that a put certainly had no effect when no store could be reached', async () => {
    for (const storeId of [1, 2, 3]) await cluster.stopStore(storeId);
    const put = client.raw.put(utf8('k'), utf8('v'), { timeoutMs: 2_000 });
    await expect(run(put)).rejects.toThrow(RegionUnavailableError);
    expect(cluster.calls).toEqual([]);
  });

  it('repeats reads over lost streams and hanging stores', async () => {
    await run(client.raw.put(utf8('k'), utf8('v')));
    let n = 0;
    cluster.script = () => (n++ === 0 ? { type: 'lose', served: true } : undefined);
    expect(text(await run(client.raw.get(utf8('k'))))).toBe('v');
    n = 0;
    cluster.script = () => (n++ === 0 ? { type: 'hang' } : undefined);
    expect(text(await run(client.raw.get(utf8('k'))))).toBe('v');
  });

  it('refuses keys that no store takes', async () => {
    for (const key of [utf8(''), new Uint8Array(5_000)]) {
      await expect(run(client.raw.get(key))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
  });
});
