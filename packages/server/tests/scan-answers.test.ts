import { limits, utf8 } from '@tinykv/base';
import { type Init, kvrpcpb, tinykvpb, tinykvtxn, type UnaryMethod } from '@tinykv/proto';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { StandaloneStore } from './standalone-store.js';

const { kvCommit, kvPrewrite, kvScan, rawPut, rawScan } = tinykvpb.TinyKv;
const { kvScanLock } = tinykvtxn.Txn;
/** More pairs than any page, and than stores once gave in one answer. */
const KEYS = 11_000;
const LIMIT = 4_294_967_295;
const STRICT = { strict: true };
const MIB = 1_048_576;

let store: StandaloneStore;
const keyOf = (i: number): Uint8Array => utf8(`k${String(i).padStart(6, '0')}`);

beforeEach(() => {
  store = new StandaloneStore();
});

const ask = <Q, S>(method: UnaryMethod<Q, S>, request: Init<Q>): Promise<S> =>
  store.ask(method, request);

async function putRaw(count: number, value: Uint8Array): Promise<void> {
  for (let i = 0; i < count; i++) await store.call(rawPut, { key: keyOf(i), value });
}

async function lockKeys(count: number, value: Uint8Array, primaryLock: Uint8Array): Promise<void> {
  for (let from = 0; from < count; from += 1_000) {
    const size = Math.min(1_000, count - from);
    const mutations = Array.from({ length: size }, (_, i) => ({ key: keyOf(from + i), value }));
    const { errors } = await ask(kvPrewrite, {
      mutations: mutations.map((m) => ({ ...m, op: kvrpcpb.Op.Put })),
      primaryLock,
      startVersion: 10n,
      lockTtl: 3_000,
    });
    expect(errors).toEqual([]);
  }
}

async function commitKeys(count: number): Promise<void> {
  for (let from = 0; from < count; from += 1_000) {
    const size = Math.min(1_000, count - from);
    const keys = Array.from({ length: size }, (_, i) => keyOf(from + i));
    const { error } = await ask(kvCommit, { keys, startVersion: 10n, commitVersion: 11n });
    expect(error).toBeUndefined();
  }
}

const keysOf = (pairs: readonly { readonly key: Uint8Array }[]): string =>
  pairs.map(({ key }) => Buffer.from(key).toString()).join();
const ALL = Array.from({ length: KEYS }, (_, i) => ({ key: keyOf(i) }));

describe('the answer to a scan', () => {
  it('has every pair of a raw range up to the limit, in both directions', async () => {
    await putRaw(KEYS, utf8('v'));
    const { kvs } = await ask(rawScan, { limit: LIMIT });
    expect(keysOf(kvs)).toBe(keysOf(ALL));
    expect(kvs.every(({ value }) => value.length === 1)).toBe(true);
    const back = await ask(rawScan, { limit: KEYS - 1, reverse: true, keyOnly: true });
    expect(keysOf(back.kvs)).toBe(keysOf(ALL.slice(1).reverse()));
  });

  it('has every pair of a snapshot up to the limit, locked ones too, in both directions', async () => {
    await lockKeys(KEYS, utf8('v'), keyOf(0));
    const locked = await ask(kvScan, { limit: LIMIT, version: 20n });
    expect(keysOf(locked.pairs)).toBe(keysOf(ALL));
    expect(locked.pairs.every(({ error }) => error?.locked !== undefined)).toBe(true);
    const found = await ask(kvScanLock, { limit: LIMIT, maxVersion: 20n });
    expect(keysOf(found.locks)).toBe(keysOf(ALL));
    await commitKeys(KEYS);
    const { pairs } = await ask(kvScan, { limit: LIMIT, version: 20n });
    expect(keysOf(pairs)).toBe(keysOf(ALL));
    const back = { limit: KEYS - 1, version: 20n, reverse: true, keyOnly: true };
    expect(keysOf((await ask(kvScan, back)).pairs)).toBe(keysOf(ALL.slice(1).reverse()));
  });

  it('lets others have their turn between pages', async () => {
    await putRaw(2 * limits.scanPageKeys + 1, utf8('v'));
    await lockKeys(2 * limits.scanPageKeys + 1, utf8('v'), keyOf(0));
    const defer = vi.spyOn(store.env.clock, 'defer');
    const turnsOf = async (scan: Promise<unknown>): Promise<number> => {
      defer.mockClear();
      await scan;
      return defer.mock.calls.length;
    };
    expect(await turnsOf(ask(rawScan, { limit: LIMIT }))).toBe(2);
    expect(await turnsOf(ask(kvScan, { limit: LIMIT, version: 20n }))).toBe(2);
    expect(await turnsOf(ask(kvScanLock, { limit: LIMIT, maxVersion: 20n }))).toBe(2);
  });
});

describe('an answer that a message cannot carry', () => {
  it('is an error of the request for a client of TinyKV, and RESOURCE_EXHAUSTED for one that pages', async () => {
    await putRaw(9, new Uint8Array(MIB).fill(7));
    const raw = await ask(rawScan, { limit: 9 });
    expect(raw.kvs).toEqual([]);
    expect(raw.error).toMatch(/answer of \d+ bytes.*ask for fewer/);
    await expect(ask(rawScan, { limit: 9, context: STRICT })).rejects.toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
    });
    expect((await ask(rawScan, { limit: 7 })).kvs).toHaveLength(7);
    for (let i = 0; i < 9; i++) {
      const mutations = [{ op: kvrpcpb.Op.Put, key: keyOf(i), value: new Uint8Array(MIB) }];
      await ask(kvPrewrite, { mutations, primaryLock: keyOf(0), startVersion: 10n });
    }
    await commitKeys(9);
    const old = await ask(kvScan, { limit: 9, version: 20n });
    expect(old.regionError).toBeUndefined();
    expect(old.pairs).toHaveLength(1);
    expect(old.pairs[0]!.error?.abort).toMatch(/answer of \d+ bytes.*ask for fewer/);
    await expect(ask(kvScan, { limit: 9, version: 20n, context: STRICT })).rejects.toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
    });
    expect((await ask(kvScan, { limit: 7, version: 20n })).pairs).toHaveLength(7);
  });

  it('is one of locks too: their primaries count', async () => {
    await lockKeys(3_000, utf8('v'), new Uint8Array(limits.keyBytesMax).fill(0x70));
    const refusal = { code: 'RESOURCE_EXHAUSTED' };
    await expect(
      ask(kvScan, { limit: 3_000, version: 20n, context: STRICT }),
    ).rejects.toMatchObject(refusal);
    await expect(ask(kvScanLock, { limit: 3_000, maxVersion: 20n })).rejects.toMatchObject(refusal);
    expect((await ask(kvScan, { limit: 1_000, version: 20n })).pairs).toHaveLength(1_000);
  });

  it('is refused whatever method gives it', async () => {
    // Every key has an error with its lock's primary, and no budget of its own.
    await lockKeys(3_000, utf8('v'), new Uint8Array(limits.keyBytesMax).fill(0x70));
    const mutations = Array.from({ length: 3_000 }, (_, i) => ({
      key: keyOf(i),
      value: utf8('w'),
    }));
    const request = { mutations, primaryLock: keyOf(0), startVersion: 30n };
    await expect(ask(kvPrewrite, request)).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
  });
});
