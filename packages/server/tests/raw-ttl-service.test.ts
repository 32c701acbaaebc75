import { composeTimestamp, utf8 } from '@tinykv/base';
import { tinykvpb, tinykvtxn } from '@tinykv/proto';
import { beforeEach, expect, it } from 'vitest';
import { StandaloneStore } from './standalone-store.js';

const { rawCompareAndSwap, rawCompareAndSwapWithTTL, rawGetKeyTTL, rawPutWithTTL } = tinykvtxn.Txn;
const key = utf8('k');
let nowMs: number;
let store: StandaloneStore;

beforeEach(() => {
  nowMs = 1_000_000;
  store = new StandaloneStore(async () => composeTimestamp(nowMs, 0));
});

function pass(ms: number): void {
  nowMs += ms;
  store.env.clock.advance(ms);
}

it('serves raw keys with a time to live, which clients of TinyKV see come and go', async () => {
  expect(await store.call(rawPutWithTTL, { key, value: utf8('a'), ttlMs: 5_000 })).toMatchObject({
    error: '',
  });
  expect((await store.call(rawGetKeyTTL, { key })).ttlMs).toBe(5_000);
  expect((await store.call(tinykvpb.TinyKv.rawGet, { key })).value).toEqual(utf8('a'));
  pass(5_000);
  expect((await store.call(tinykvpb.TinyKv.rawGet, { key })).notFound).toBe(true);
  expect((await store.call(rawGetKeyTTL, { key })).notFound).toBe(true);
});

it('keeps the time to live in the swap of an older client, and sets and ends it in a newer one', async () => {
  await store.call(rawPutWithTTL, { key, value: utf8('a'), ttlMs: 5_000 });
  await store.call(rawCompareAndSwap, { key, expected: utf8('a'), value: utf8('b') });
  expect((await store.call(rawGetKeyTTL, { key })).ttlMs).toBe(5_000);
  const swap = { key, expected: utf8('b'), value: utf8('b') };
  await store.call(rawCompareAndSwapWithTTL, { ...swap, ttlMs: 7_000 });
  expect((await store.call(rawGetKeyTTL, { key })).ttlMs).toBe(7_000);
  await store.call(rawCompareAndSwapWithTTL, { ...swap, ttlMs: 0 });
  expect(await store.call(rawGetKeyTTL, { key })).toMatchObject({ notFound: false, ttlMs: 0 });
});

it('answers a wrong time to live, key or column family with a text', async () => {
  const put = { key, value: utf8('a') };
  for (const ttlMs of [0, 4e15]) {
    expect((await store.call(rawPutWithTTL, { ...put, ttlMs })).error).toContain('time to live of');
  }
  expect((await store.call(rawPutWithTTL, { ...put, cf: 'up', ttlMs: 5 })).error).toContain('up');
  const long = new Uint8Array(5_000);
  expect((await store.call(rawGetKeyTTL, { key: long })).error).toContain('longer than');
  const swap = { cf: 'up', key, expected: utf8('a'), value: utf8('b'), ttlMs: 5 };
  expect((await store.call(rawCompareAndSwapWithTTL, swap)).error).toContain('up');
});
