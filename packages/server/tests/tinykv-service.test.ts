import { utf8 } from '@tinykv/base';
import { fakeEnv } from '@tinykv/base/testing';
import { MemoryEngine } from '@tinykv/engine';
import { kvrpcpb, tinykvpb, tinykvtxn } from '@tinykv/proto';
import { RawExecutor, TxnExecutor } from '@tinykv/txn';
import { describe, expect, it } from 'vitest';
import { rangeDestroyer, standaloneDestroyer, tinykvService } from '../src/store/index.js';
import { StandaloneStore } from './standalone-store.js';

const rpc = tinykvpb.TinyKv;
const { Action, Op } = kvrpcpb;
const startVersion = (1_795_000_000_000n << 18n) + 5n;
const commitVersion = startVersion + 1n;
const key = utf8('k');

/** The texts of an error that has one; undefined where there is no error at all. */
function textsOf(error: kvrpcpb.KeyError | undefined): string[] | undefined {
  return error && [error.abort, error.retryable];
}

describe('TinyKv service', () => {
  it('carries a transaction from prewrite to scan', async () => {
    const store = new StandaloneStore();
    const mutations = [
      { op: Op.Put, key, value: utf8('v') },
      { op: Op.Del, key: utf8('gone') },
      { op: Op.Lock, key: utf8('guard') },
    ];
    const prewritten = await store.call(rpc.kvPrewrite, {
      mutations,
      primaryLock: key,
      startVersion,
      lockTtl: 3000,
    });
    expect(prewritten).toEqual({
      regionError: undefined,
      errors: [],
      onePcCommitTs: 0n,
      minCommitTs: 0n,
    });
    const locked = await store.call(rpc.kvGet, { key, version: commitVersion });
    expect(locked.error?.locked).toMatchObject({
      primaryLock: key,
      lockVersion: startVersion,
      key,
      lockTtl: 3000,
    });
    const keys = mutations.map((mutation) => mutation.key);
    const committed = await store.call(rpc.kvCommit, { keys, startVersion, commitVersion });
    expect(committed.error).toBeUndefined();
    const found = await store.call(rpc.kvGet, { key, version: commitVersion });
    expect(found).toMatchObject({ value: utf8('v'), notFound: false, error: undefined });
    const { pairs } = await store.call(rpc.kvScan, { limit: 10, version: commitVersion });
    expect(pairs.map((pair) => [pair.key, pair.value])).toEqual([[key, utf8('v')]]);
    const status = await store.call(rpc.kvCheckTxnStatus, {
      primaryKey: key,
      lockTs: startVersion,
      currentTs: commitVersion,
    });
    expect(status).toMatchObject({ commitVersion, lockTtl: 0, action: Action.NoAction });
  });

  it('answers every kind of key error in its field', async () => {
    const store = new StandaloneStore();
    const mutations = [{ op: Op.Put, key, value: utf8('v') }];
    const primaryLock = key;
    await store.call(rpc.kvPrewrite, { mutations, primaryLock, startVersion: 10n, lockTtl: 1 });
    const locked = await store.call(rpc.kvPrewrite, { mutations, primaryLock, startVersion: 20n });
    expect(locked.errors[0]?.locked?.lockVersion).toBe(10n);
    const other = await store.call(rpc.kvCommit, {
      keys: [key],
      startVersion: 20n,
      commitVersion: 21n,
    });
    expect(textsOf(other.error)).toEqual(['', 'lock of transaction 20 not found: key k']);
    const status = await store.call(rpc.kvCheckTxnStatus, {
      primaryKey: key,
      lockTs: 10n,
      currentTs: startVersion,
    });
    expect(status.action).toBe(Action.TTLExpireRollback);
    const conflict = await store.call(rpc.kvPrewrite, { mutations, primaryLock, startVersion: 9n });
    expect(conflict.errors[0]?.conflict).toMatchObject({ startTs: 9n, conflictTs: 10n });
    const aborted = await store.call(rpc.kvCommit, {
      keys: [key],
      startVersion: 10n,
      commitVersion: 21n,
    });
    expect(textsOf(aborted.error)).toEqual(['transaction 10 is rolled back: key k', '']);
    const unknown = await store.call(rpc.kvPrewrite, {
      mutations: [{ op: Op.Rollback, key }],
      startVersion: 30n,
    });
    expect(unknown.errors.map(textsOf)).toEqual([['mutation 2 cannot be prewritten', '']]);
  });

  it('gets strictness from the context', async () => {
    const store = new StandaloneStore();
    const request = { keys: [key], startVersion: 10n, commitVersion: 11n };
    expect((await store.call(rpc.kvCommit, request)).error).toBeUndefined();
    const strict = await store.call(rpc.kvCommit, { ...request, context: { strict: true } });
    expect(textsOf(strict.error)).toEqual(['', 'lock of transaction 10 not found: key k']);
  });

  it('answers raw mistakes as texts', async () => {
    const store = new StandaloneStore();
    for (const request of [
      { cf: 'sideways', key },
      { cf: 'default', key: new Uint8Array(4097) },
    ]) {
      const complaint = request.cf === 'default' ? 'longer than 4096' : 'sideways';
      expect((await store.call(rpc.rawGet, request)).error).toContain(complaint);
      const put = await store.call(rpc.rawPut, { ...request, value: key });
      expect(put.error).toContain(complaint);
    }
    const scan = await store.call(rpc.rawScan, { cf: 'sideways', limit: 1 });
    expect(scan.error).toContain('sideways');
    await store.call(rpc.rawPut, { cf: 'default', key, value: key });
    await store.call(rpc.rawPut, { cf: 'default', key, value: new Uint8Array(0) });
    expect((await store.call(rpc.rawGet, { cf: 'default', key })).notFound).toBe(true);
  });

  it('swaps a raw value that is as expected', async () => {
    const store = new StandaloneStore();
    const swap = (expected: string, value: string, cf = '') =>
      store.call(tinykvtxn.Txn.rawCompareAndSwap, {
        cf,
        key,
        expected: utf8(expected),
        value: utf8(value),
      });
    expect(await swap('', 'one')).toMatchObject({ swapped: true, previous: utf8('') });
    expect(await swap('two', 'three')).toMatchObject({ swapped: false, previous: utf8('one') });
    expect((await store.call(rpc.rawGet, { key })).value).toEqual(utf8('one'));
    expect((await swap('', 'one', 'sideways')).error).toBe('column family "sideways" is unknown');
  });

  it('scans raw keys in both directions, with an end and without values', async () => {
    const store = new StandaloneStore();
    for (let i = 0; i < 600; i++) {
      await store.call(rpc.rawPut, { cf: 'lock', key: Uint8Array.of(i >> 8, i), value: key });
    }
    const whole = await store.ask(rpc.rawScan, { cf: 'lock', limit: 1000 });
    expect(whole.kvs.length).toBe(600);
    const part = await store.call(rpc.rawScan, {
      cf: 'lock',
      startKey: Uint8Array.of(1, 0),
      endKey: Uint8Array.of(1, 3),
      limit: 9,
      reverse: true,
      keyOnly: true,
    });
    expect(part.kvs.map((pair) => [...pair.key, pair.value.length])).toEqual([
      [1, 2, 0],
      [1, 1, 0],
      [1, 0, 0],
    ]);
  });

  it('gives the first bytes of values to a scan that asks for no more', async () => {
    const store = new StandaloneStore();
    const [startVersion, version] = [5n, 9n];
    const mutations = [
      { op: Op.Put, key: utf8('long'), value: new Uint8Array(3_000).fill(7) },
      { op: Op.Put, key: utf8('short'), value: utf8('abcd') },
    ];
    const keys = mutations.map(({ key }) => key);
    await store.call(rpc.kvPrewrite, { mutations, primaryLock: keys[0]!, startVersion });
    await store.call(rpc.kvCommit, { keys, startVersion, commitVersion: version });
    const lengths = async (valueBytesMax: number): Promise<number[]> => {
      const { pairs } = await store.call(rpc.kvScan, { limit: 9, version, valueBytesMax });
      return pairs.map(({ value }) => value.length);
    };
    expect(await lengths(3)).toEqual([3, 3]);
    expect(await lengths(0)).toEqual([3_000, 4]);
  });

  it('refuses a message that is none', async () => {
    const store = new StandaloneStore();
    const handler = store.unary.get(rpc.kvGet.path)!;
    expect(() => handler(Uint8Array.of(0xff), { address: 't' })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
  });

  it('does not serve the coprocessor nor the streams of TinyKV stores', async () => {
    const store = new StandaloneStore();
    await expect(store.call(rpc.coprocessor, {})).rejects.toMatchObject({ code: 'UNIMPLEMENTED' });
  });

  it('puts a Region error into the response', async () => {
    const store = new StandaloneStore();
    const { env } = store;
    store.access.acquireRead = () =>
      Promise.resolve({ ok: false, error: { type: 'region-not-found', regionId: 7 } });
    const service = tinykvService(env, {
      access: store.access,
      txn: new TxnExecutor(env, store.access),
      raw: new RawExecutor(env, store.access),
      destroyRange: rangeDestroyer(standaloneDestroyer(store.engine, 'txn'), 'txn'),
      requestTimeoutMs: 1000,
    });
    const bytes = await service.unary.get(rpc.kvGet.path)!(new Uint8Array(0), { address: 't' });
    expect(kvrpcpb.GetResponse.decode(bytes).regionError?.regionNotFound?.regionId).toBe(7);
  });

  it('says that the outcome is unknown past the deadline and keeps the latches until it knows', async () => {
    const store = new StandaloneStore();
    const propose = store.access.propose.bind(store.access);
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    store.access.propose = async (view, modifies) => {
      await gate;
      return propose(view, modifies);
    };
    const mutations = [{ op: Op.Put, key, value: utf8('v') }];
    const late = store.call(rpc.kvPrewrite, { mutations, primaryLock: key, startVersion: 10n });
    const rejected = expect(late).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    await new Promise(setImmediate);
    store.env.clock.advance(10_000);
    await rejected;
    const second = store.call(rpc.kvPrewrite, { mutations, primaryLock: key, startVersion: 20n });
    await new Promise(setImmediate);
    release();
    expect((await second).errors[0]?.locked?.lockVersion).toBe(10n);
    // Deadlines are looked at now and then while somebody waits.
    store.env.clock.advance(1_000);
    expect(store.env.clock.pendingTimers).toBe(0);
  });

  it('logs a failure that comes too late for its client', async () => {
    const env = fakeEnv();
    const { access } = new StandaloneStore();
    let fail: (error: Error) => void = () => undefined;
    access.acquireRead = () => new Promise((_, reject) => (fail = reject));
    const { unary } = tinykvService(env, {
      access,
      txn: new TxnExecutor(env, access),
      raw: new RawExecutor(env, access),
      destroyRange: rangeDestroyer(standaloneDestroyer(new MemoryEngine(), 'txn'), 'txn'),
      requestTimeoutMs: 5,
    });
    const answer = unary.get(rpc.rawGet.path)!(new Uint8Array(0), { address: 't' });
    const rejected = expect(answer).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    env.clock.advance(5);
    await rejected;
    fail(new Error('disk'));
    await new Promise(setImmediate);
    expect(env.logger.lines).toMatchObject([{ level: 'warn', message: 'late failure' }]);
  });
});
