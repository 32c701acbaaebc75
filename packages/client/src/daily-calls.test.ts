import { fromUtf8, physicalMs, utf8 } from '@tinykv/base';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeCluster, SCHEDULER } from '../tests/fake-cluster.js';
import { Client } from './client.js';
import { KeyExistsError, WriteConflictError } from './errors.js';
import { timestampOf } from './timestamp-of.js';
import { jsonCodec, utf8Codec } from './typed/codec.js';

const [a, b] = [utf8('a'), utf8('b')];

let cluster: FakeCluster;
let client: Client;

const run = <T>(promise: Promise<T>): Promise<T> => cluster.env.clock.runUntil(promise, 60_000);
const text = (value: Uint8Array | undefined): string | undefined => value && fromUtf8(value);

beforeEach(async () => {
  cluster = await FakeCluster.start();
  client = await run(Client.connect(cluster.env, { scheduler: SCHEDULER }));
});

describe('calls of one key', () => {
  it('put, get and delete, with the timestamp of the commit', async () => {
    const putAt = await run(client.put(a, utf8('1')));
    expect(cluster.data.at(a).writes[0]!.commitTs).toBe(putAt);
    expect(text(await run(client.get(a)))).toBe('1');
    expect(await run(client.delete(a))).toBeGreaterThan(putAt);
    expect(await run(client.get(a))).toBeUndefined();
    await run(client.delete(b));
  });

  it('insert what does not exist, once', async () => {
    await run(client.insert(a, utf8('1')));
    await expect(run(client.insert(a, utf8('2')))).rejects.toThrow(KeyExistsError);
    expect(text(await run(client.get(a)))).toBe('1');
    for (const pessimistic of [false, true]) {
      const txn = await run(client.txn.begin({ pessimistic }));
      await run(txn.insert(b, utf8('mine')));
      await expect(run(txn.insert(b, utf8('again')))).rejects.toThrow(KeyExistsError);
      await expect(run(txn.insert(a, utf8('mine')))).rejects.toThrow(KeyExistsError);
      txn.rollback();
      await run(txn.settled);
    }
    const late = await run(client.txn.begin());
    await run(late.insert(b, utf8('late')));
    await run(client.put(b, utf8('first')));
    await expect(run(late.commit())).rejects.toThrow(WriteConflictError);
  });

  it('compare and set, with keys that do not exist on both sides', async () => {
    const cas = (...[expected, value]: (string | undefined)[]): Promise<boolean> =>
      run(
        client.compareAndSet(
          a,
          expected ? utf8(expected) : undefined,
          value ? utf8(value) : undefined,
        ),
      );
    expect(await cas('x', '1')).toBe(false);
    expect(await cas(undefined, '1')).toBe(true);
    expect(await cas(undefined, '2')).toBe(false);
    expect(await cas('1', '2')).toBe(true);
    expect(text(await run(client.get(a)))).toBe('2');
    expect(await cas('2', undefined)).toBe(true);
    expect(await run(client.get(a))).toBeUndefined();
  });

  it('count, and none is lost', async () => {
    await run(Promise.all(Array.from({ length: 20 }, () => client.incr(a))));
    expect(await run(client.incr(a, -30))).toBe(-10);
    expect(text(await run(client.get(a)))).toBe('-10');
    await run(client.put(a, utf8(String(Number.MAX_SAFE_INTEGER))));
    await expect(run(client.incr(a))).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
    for (const value of ['1.5', '', ' 1', '1e3', '99999999999999999999']) {
      await run(client.put(a, utf8(value)));
      await expect(run(client.incr(a))).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
    }
    await expect(run(client.incr(a, 0.5))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('are there through codecs, too', async () => {
    const numbers = client.withCodecs({ key: utf8Codec, value: jsonCodec<number>() });
    expect(await run(numbers.put('n', 5))).toBeGreaterThan(0n);
    expect(await run(numbers.incr('n', 2))).toBe(7);
    expect(await run(numbers.get('n'))).toBe(7);
    expect(await run(numbers.txn.getNewest('n'))).toBe(7);
    expect(await run(numbers.compareAndSet('n', 7, 8))).toBe(true);
    await expect(run(numbers.insert('n', 1))).rejects.toThrow(KeyExistsError);
    await run(numbers.delete('n'));
    await run(numbers.insert('n', 1));
    expect(await run(numbers.get('n'))).toBe(1);
  });
});

describe('runWithCommitTs', () => {
  it('tells the commit of the run that was committed', async () => {
    let runs = 0;
    const { result, commitTs } = await run(
      client.txn.runWithCommitTs(async (t) => {
        await t.get(a);
        if (++runs === 1) await client.put(a, utf8('other'));
        t.put(a, utf8('mine'));
        return runs;
      }),
    );
    expect(result).toBe(2);
    expect(cluster.data.at(a).writes[0]!.commitTs).toBe(commitTs);
    const rolledBack = client.txn.runWithCommitTs(async (t) => t.rollback());
    expect((await run(rolledBack)).commitTs).toBeUndefined();
  });
});

describe('deleteRange of raw keys', () => {
  it('deletes the keys of the range over all Regions, and no others', async () => {
    cluster.split(utf8('k0500'), 2);
    const name = (i: number): Uint8Array => utf8(`k${String(i).padStart(4, '0')}`);
    const pairs = Array.from({ length: 1_000 }, (_, i) => ({ key: name(i), value: name(i) }));
    await run(client.raw.batchPut(pairs));
    expect(await run(client.raw.deleteRange(name(10), name(990)))).toBe(980);
    const left = await run(client.raw.scan(name(0), { keyOnly: true }));
    expect(left).toHaveLength(20);
    expect(text(left[10]!.key)).toBe('k0990');
    expect(await run(client.raw.deleteRange(new Uint8Array(0), new Uint8Array(0)))).toBe(20);
  });
});

describe('timestampOf', () => {
  it('is the first timestamp of a moment', () => {
    const date = new Date('2026-01-02T03:04:05.678Z');
    expect(physicalMs(timestampOf(date))).toBe(date.getTime());
    expect(physicalMs(timestampOf(date) - 1n)).toBe(date.getTime() - 1);
    for (const bad of [new Date(Number.NaN), new Date(-1)]) {
      expect(() => timestampOf(bad)).toThrow(/date/);
    }
  });
});
