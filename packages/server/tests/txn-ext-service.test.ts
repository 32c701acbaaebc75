import { limits, utf8 } from '@tinykv/base';
import { kvrpcpb, tinykvext, tinykvpb, tinykvtxn } from '@tinykv/proto';
import { beforeEach, describe, expect, it } from 'vitest';
import { StandaloneStore } from './standalone-store.js';

const rpc = tinykvpb.TinyKv;
const ext = tinykvtxn.Txn;
const { Op } = kvrpcpb;
const [a, b, c] = [utf8('a'), utf8('b'), utf8('c')] as const;
const startVersion = 20n;

let store: StandaloneStore;
const put = (key: Uint8Array, value: string) => ({ op: Op.Put, key, value: utf8(value) });
const pairsOf = (pairs: readonly kvrpcpb.KvPair[]) =>
  pairs.map(({ key, value, error }) => [key, error?.locked?.lockVersion ?? value]);

beforeEach(async () => {
  store = new StandaloneStore();
  const mutations = [put(a, 'one'), put(b, 'two')];
  await store.call(rpc.kvPrewrite, { mutations, primaryLock: a, startVersion: 10n, lockTtl: 100 });
  await store.call(rpc.kvCommit, { keys: [a, b], startVersion: 10n, commitVersion: 11n });
  const later = { mutations: [put(b, 'locked')], primaryLock: b, startVersion, lockTtl: 100 };
  await store.call(rpc.kvPrewrite, later);
});

describe('the transactional API beside TinyKV', () => {
  it('answers a batch get with values and locks', async () => {
    const { pairs, error } = await store.call(ext.kvBatchGet, { keys: [a, b, c], version: 30n });
    expect(error).toBeUndefined();
    expect(pairsOf(pairs)).toEqual([
      [a, utf8('one')],
      [b, startVersion],
    ]);
    const tooLong = await store.call(ext.kvBatchGet, { keys: [new Uint8Array(4097)] });
    expect(tooLong.error?.abort).toBe('key of 4097 bytes is longer than 4096');
  });

  it('takes the isolation and resolved locks of every read from the context', async () => {
    const contexts = [
      { isolation: tinykvext.IsolationLevel.ReadCommitted },
      { resolvedLocks: [{ startTs: startVersion }] },
    ];
    const expected = [
      [a, utf8('one')],
      [b, utf8('two')],
    ];
    for (const context of contexts) {
      const version = 30n;
      const batch = await store.call(ext.kvBatchGet, { context, keys: [a, b], version });
      expect(pairsOf(batch.pairs)).toEqual(expected);
      const scan = await store.call(rpc.kvScan, { context, version, limit: 9 });
      expect(pairsOf(scan.pairs)).toEqual(expected);
      const get = await store.call(rpc.kvGet, { context, key: b, version });
      expect(get.value).toEqual(utf8('two'));
    }
  });

  it('refuses a read that is to skip the locks of too many transactions', async () => {
    const names = (count: number): { startTs: bigint }[] =>
      Array.from({ length: count }, (_, i) => ({ startTs: startVersion + BigInt(i) }));
    const read = (count: number): Promise<{ value: Uint8Array }> =>
      store.call(rpc.kvGet, { context: { resolvedLocks: names(count) }, key: b, version: 30n });
    expect((await read(limits.resolvedLocksMax)).value).toEqual(utf8('two'));
    await expect(read(limits.resolvedLocksMax + 1)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });

  it('keeps a transaction alive by heartbeats, and says when there is none', async () => {
    const request = { primaryLock: b, startVersion, adviseLockTtl: 5_000 };
    expect(await store.call(ext.kvTxnHeartBeat, request)).toMatchObject({ lockTtl: 5_000 });
    const status = await store.call(rpc.kvCheckTxnStatus, {
      primaryKey: b,
      lockTs: startVersion,
      currentTs: 4_000n << 18n,
    });
    expect(status.lockTtl).toBe(5_000);
    const gone = await store.call(ext.kvTxnHeartBeat, { ...request, startVersion: 21n });
    expect(gone.error?.abort).toBe('transaction 21 holds no lock: key b');
  });
});
