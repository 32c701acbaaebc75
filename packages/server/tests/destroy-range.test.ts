import { EMPTY_BYTES, limits, utf8 } from '@tinykv/base';
import { kvrpcpb, tinykvpb, tinykvtxn } from '@tinykv/proto';
import { beforeEach, describe, expect, it } from 'vitest';
import { StandaloneStore } from './standalone-store.js';

const rpc = tinykvpb.TinyKv;
const { Txn } = tinykvtxn;
const LONG = new Uint8Array(3_000).fill(7);

let store: StandaloneStore;

async function write(key: string, startVersion: bigint): Promise<void> {
  const mutations = [{ op: kvrpcpb.Op.Put, key: utf8(key), value: LONG }];
  const primaryLock = utf8(key);
  await store.call(rpc.kvPrewrite, { mutations, primaryLock, startVersion, lockTtl: 1 });
  const commitVersion = startVersion + 1n;
  await store.call(rpc.kvCommit, { keys: [utf8(key)], startVersion, commitVersion });
}

const read = async (key: string): Promise<boolean> =>
  !(await store.call(rpc.kvGet, { key: utf8(key), version: 100n })).notFound;
const destroy = async (startKey: Uint8Array, endKey: Uint8Array): Promise<string> =>
  (await store.call(Txn.unsafeDestroyRange, { startKey, endKey })).error;

beforeEach(async () => {
  store = new StandaloneStore();
  for (const key of ['a', 'b', 'bb', 'c']) {
    await write(key, 10n);
    await write(key, 20n);
    await store.call(rpc.rawPut, { key: utf8(key), value: LONG, cf: 'default' });
  }
});

async function entries(): Promise<number> {
  const iterator = store.engine.iterator({ start: EMPTY_BYTES, end: Uint8Array.of(0xff) });
  const all = await iterator.next(1_000);
  await iterator.close();
  return all.length;
}

describe('UnsafeDestroyRange', () => {
  it('leaves nothing of a range, whatever the family, and all of what is around it', async () => {
    const before = await entries();
    const lock = { mutations: [{ op: kvrpcpb.Op.Put, key: utf8('ba') }], primaryLock: utf8('ba') };
    await store.call(rpc.kvPrewrite, { ...lock, startVersion: 30n, lockTtl: 1 });
    expect(await destroy(utf8('b'), utf8('c'))).toBe('');
    expect(await Promise.all(['a', 'b', 'bb', 'c'].map(read))).toEqual([true, false, false, true]);
    // Newest, history, two long values and a raw value of each key.
    expect(await entries()).toBe(before - 2 * 5);
    expect(await destroy(utf8('b'), utf8('c'))).toBe('');
  });

  it('refuses a range that is none, and says why', async () => {
    const before = await entries();
    const longKey = new Uint8Array(limits.keyBytesMax + 1);
    for (const [start, end, why] of [
      [utf8('b'), EMPTY_BYTES, 'no end'],
      [utf8('b'), utf8('b'), 'empty'],
      [utf8('c'), utf8('b'), 'empty'],
      [EMPTY_BYTES, longKey, 'longer'],
    ] as const) {
      expect(await destroy(start, end)).toContain(why);
    }
    expect(await entries()).toBe(before);
  });
});

describe('KvGC', () => {
  it('of a store that nobody has told that locks are resolved is refused', async () => {
    const answer = await store.call(Txn.kvGC, { safePoint: 15n });
    expect(answer.error?.abort).toContain('locks are resolved up to 0');
    expect(await read('a')).toBe(true);
  });
});
