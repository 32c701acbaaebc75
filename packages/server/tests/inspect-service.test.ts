import { TS_MAX, utf8 } from '@tinykv/base';
import { kvrpcpb, tinykvpb, tinykvtxn } from '@tinykv/proto';
import { expect, it } from 'vitest';
import { StandaloneStore } from './standalone-store.js';

const rpc = { ...tinykvpb.TinyKv, ...tinykvtxn.Txn };
const { Op } = kvrpcpb;
const key = utf8('k');

it('what is stored of a key is told on the wire', async () => {
  const store = new StandaloneStore();
  const put = { mutations: [{ op: Op.Put, key, value: utf8('v') }], primaryLock: key };
  await store.call(rpc.kvPrewrite, { ...put, startVersion: 10n, lockTtl: 3_000 });
  await store.call(rpc.kvCommit, { keys: [key], startVersion: 10n, commitVersion: 20n });
  await store.call(rpc.kvBatchRollback, { keys: [key], startVersion: 25n });
  await store.call(rpc.kvPrewrite, { ...put, startVersion: 30n, lockTtl: 3_000 });
  const { info, error } = await store.call(rpc.mvccGetByKey, { key });
  expect(error).toBe('');
  expect(info?.lock).toMatchObject({ key, lockVersion: 30n, lockTtl: 3_000, primaryLock: key });
  expect(info?.writes).toMatchObject([
    { type: Op.Rollback, startTs: 25n, commitTs: 25n },
    { type: Op.Put, startTs: 10n, commitTs: 20n, value: utf8('v') },
  ]);
  const { locks } = await store.call(rpc.kvScanLock, { maxVersion: TS_MAX });
  expect(locks).toMatchObject([{ key, lockVersion: 30n }]);
  expect((await store.call(rpc.kvScanLock, { maxVersion: 29n })).locks).toEqual([]);
});

it('a key without a history has none, and one that is too long has a text', async () => {
  const store = new StandaloneStore();
  const { info } = await store.call(rpc.mvccGetByKey, { key });
  expect(info).toMatchObject({ lock: undefined, writes: [], hasMore: false });
  const answer = await store.call(rpc.mvccGetByKey, { key: new Uint8Array(5_000) });
  expect(answer).toMatchObject({ info: undefined, error: 'key of 5000 bytes is longer than 4096' });
});
