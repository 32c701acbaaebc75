import { fromUtf8, utf8 } from '@tinykv/base';
import { rawKey, unsealValue } from '@tinykv/model';
import { tinykvpb } from '@tinykv/proto';
import { beforeEach, describe, expect, it } from 'vitest';
import { StandaloneStore } from './standalone-store.js';

const { rawDelete, rawGet, rawPut, rawScan } = tinykvpb.TinyKv;
const cf = 'default';
const [key, value] = [utf8('k'), utf8('v')];

// The tests of the TinyKV course, project 1, under their names.
/** A lone store looks at no context. */
const ANYWHERE = { regionId: 1, epoch: undefined, peer: undefined, term: 0 };

describe('project 1: a standalone store', () => {
  let store: StandaloneStore;

  const set = async (family: string, k: Uint8Array, v: Uint8Array): Promise<void> => {
    expect(await store.call(rawPut, { cf: family, key: k, value: v })).toMatchObject({ error: '' });
  };
  const get = async (family: string, k: Uint8Array): Promise<string | undefined> => {
    const response = await store.call(rawGet, { cf: family, key: k });
    expect(response.error).toBe('');
    return response.notFound ? undefined : fromUtf8(response.value);
  };
  const remove = async (family: string, k: Uint8Array): Promise<void> => {
    expect(await store.call(rawDelete, { cf: family, key: k })).toMatchObject({ error: '' });
  };
  const scan = async (startKey: Uint8Array, limit: number): Promise<string[]> => {
    const { kvs } = await store.call(rawScan, { cf, startKey, limit });
    return kvs.map((pair) => `${pair.key.join()}:${pair.value.join()}`);
  };
  /** Puts `i -> 233*i mod 256` for i below `count`. */
  const fill = async (count: number): Promise<void> => {
    for (let i = 1; i <= count; i++)
      await set(cf, Uint8Array.of(i), Uint8Array.of((233 * i) % 256));
  };
  const pairs = (...keys: number[]): string[] => keys.map((i) => `${i}:${(233 * i) % 256}`);

  beforeEach(() => {
    store = new StandaloneStore();
  });

  it('TestRawGet1', async () => {
    await set(cf, key, value);
    expect(await store.call(rawGet, { cf, key })).toMatchObject({
      value,
      notFound: false,
      error: '',
      regionError: undefined,
    });
  });

  it('TestRawGetNotFound1', async () => {
    const response = await store.call(rawGet, { cf, key });
    expect(response.notFound).toBe(true);
    expect(response.error).toBe('');
    expect(response.value).toHaveLength(0);
  });

  it('TestRawPut1', async () => {
    await set(cf, key, value);
    const at = rawKey('txn', cf, key);
    expect(unsealValue(at, store.engine.get(at)!)).toEqual(value);
  });

  it('TestRawGetAfterRawPut1', async () => {
    await set('default', key, utf8('one'));
    await set('write', key, utf8('two'));
    expect(await get('default', key)).toBe('one');
    expect(await get('write', key)).toBe('two');
    expect(await get('lock', key)).toBeUndefined();
  });

  it('TestRawGetAfterRawDelete1', async () => {
    await set(cf, key, value);
    await remove(cf, key);
    expect(await get(cf, key)).toBeUndefined();
  });

  it('TestRawDelete1', async () => {
    await set(cf, key, value);
    await remove(cf, key);
    await remove(cf, key);
    const view = await store.access.acquireRead(ANYWHERE, []);
    expect(view.ok && view.value.reader.get(rawKey('txn', cf, key))).toBeUndefined();
  });

  it('TestRawScan1', async () => {
    await fill(5);
    expect(await scan(Uint8Array.of(1), 3)).toEqual(pairs(1, 2, 3));
  });

  it('TestRawScanAfterRawPut1', async () => {
    await fill(4);
    expect(await scan(Uint8Array.of(1), 10)).toEqual(pairs(1, 2, 3, 4));
    await fill(5);
    expect(await scan(Uint8Array.of(1), 5)).toEqual(pairs(1, 2, 3, 4, 5));
  });

  it('TestRawScanAfterRawDelete1', async () => {
    await fill(4);
    await remove(cf, Uint8Array.of(2));
    expect(await scan(Uint8Array.of(1), 3)).toEqual(pairs(1, 3, 4));
  });

  it('TestIterWithRawDelete1', async () => {
    await fill(4);
    const view = await store.access.acquireRead(ANYWHERE, []);
    if (!view.ok) throw new Error('refused');
    const { reader } = view.value;
    const iterator = reader.iterator({
      start: rawKey('txn', cf, Uint8Array.of(1)),
      end: rawKey('txn', cf, Uint8Array.of(9)),
    });
    await remove(cf, Uint8Array.of(3));
    expect(await scan(Uint8Array.of(1), 10)).toEqual(pairs(1, 2, 4));
    expect(await iterator.next(10)).toHaveLength(4);
    await iterator.close();
  });
});
