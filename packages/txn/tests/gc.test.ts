import { EMPTY_BYTES, limits, type Timestamp, utf8 } from '@tinykv/base';
import { fakeEnv } from '@tinykv/base/testing';
import { historyKey, newestKey, valueKey } from '@tinykv/model';
import { beforeEach, describe, expect, it } from 'vitest';
import { TxnExecutor } from '../src/index.js';
import { type FakeStore, fakeStore, key, OLD, STRICT, served } from './fake-store.js';
import { del, lock, put, Session } from './session.js';

let session: Session;
let store: FakeStore;

beforeEach(() => {
  session = new Session();
  store = session.store;
});

const LONG = 'x'.repeat(2_000);

async function collectPage(safePoint: Timestamp, startKey: Uint8Array = EMPTY_BYTES) {
  const answer = await served(store.txn.gc.collect(STRICT, { safePoint, startKey }));
  if (!answer.ok) throw new Error(JSON.stringify(answer.error));
  return answer.value;
}

/** Versions that were collected, and how many pages that took. */
async function collectAll(safePoint: Timestamp): Promise<{ versions: number; pages: number }> {
  let startKey: Uint8Array | undefined = EMPTY_BYTES;
  const sum = { versions: 0, pages: 0 };
  while (startKey !== undefined) {
    const page = await collectPage(safePoint, startKey);
    sum.versions += page.versions;
    sum.pages += 1;
    startKey = page.nextKey;
  }
  return sum;
}

describe('gc_safe_point_vs_long_txn', () => {
  it('a transaction below the safe point is refused with an error, one at it is still legal', async () => {
    await session.put(10n, 11n, 'a', 'old');
    await session.put(20n, 21n, 'a', 'new');
    await collectAll(21n);
    expect(await session.get('a', 20n)).toBe('(below-safe-point)');
    expect(await session.scanError(20n)).toEqual({
      type: 'below-safe-point',
      ts: 20n,
      safePoint: 21n,
    });
    expect(await session.prewrite(20n, [put('b', 'late')], 'b')).toMatchObject([
      { type: 'below-safe-point' },
    ]);
    expect(await session.get('a', 21n)).toBe('new');
    expect(await session.prewrite(21n, [put('b', 'in time')], 'b')).toEqual([]);
    expect(await session.commit(21n, 30n, 'b')).toBeUndefined();
    expect(await session.get('b', 30n)).toBe('in time');
  });

  it('locks below the safe point are resolved first: until then nothing is collected', async () => {
    let resolved = 20n;
    const { access, env } = store;
    const txn = new TxnExecutor(env, access, undefined, { resolvedUpTo: async () => resolved });
    await session.put(10n, 11n, 'a', 'old');
    await session.put(12n, 13n, 'a', 'new');
    const collect = () => served(txn.gc.collect(STRICT, { safePoint: 30n, startKey: EMPTY_BYTES }));
    expect(await collect()).toMatchObject({ ok: false, error: { type: 'abort' } });
    expect(store.engine.get(historyKey(key('a'), 11n, 'w'))).toBeDefined();
    resolved = 30n;
    expect(await collect()).toEqual({ ok: true, value: { nextKey: undefined, versions: 1 } });
  });

  it('or else a committed transaction would be torn, and this is how', async () => {
    expect(await session.prewrite(10n, [put('p', '1'), put('s', '1')], 'p')).toEqual([]);
    expect(await session.commit(10n, 11n, 'p')).toBeUndefined();
    await session.put(20n, 21n, 'p', 'newer');
    // The secondary is still locked, and these tests resolve nothing by themselves.
    await collectAll(30n);
    session.context = STRICT;
    expect(await session.check('p', 10n, 1n << 40n)).toMatchObject({
      commitTs: 0n,
      error: { type: 'below-safe-point' },
    });
    expect(await session.resolve(10n, 0n)).toBeUndefined();
    expect(await session.get('s', 40n)).toBeUndefined();
  });

  it('a transaction from before it that has been prewritten can still be committed or rolled back', async () => {
    expect(await session.prewrite(20n, [put('a', '1'), put('b', '2')], 'a')).toEqual([]);
    expect(await session.prewrite(25n, [put('c', '3')], 'c')).toEqual([]);
    await session.put(10n, 11n, 'z', 'old');
    await session.put(12n, 13n, 'z', 'new');
    await collectAll(30n);
    expect(store.access.safePoint).toBe(30n);
    expect(await session.commit(20n, 40n, 'a')).toBeUndefined();
    expect(await session.resolve(20n, 40n)).toBeUndefined();
    expect(await session.resolve(25n, 0n)).toBeUndefined();
    expect(await session.scan(50n, 9)).toEqual(['a=1', 'b=2', 'z=new']);
  });

  it('what a store commits by itself is never at or below a safe point for which its locks were looked for', async () => {
    let granted = 1n;
    const timestamp = async (): Promise<Timestamp> => granted;
    store = fakeStore(fakeEnv(), timestamp);
    const commit = (startTs: Timestamp, k: string) =>
      served(
        store.txn.writes.prewrite(STRICT, {
          mutations: [put(k, 'v')],
          primary: key(k),
          startTs,
          ttlMs: 1,
          tryOnePc: true,
        }),
      );
    await commit(2n, 'warm-up');
    await store.env.clock.settle();
    expect(await commit(10n, 'a')).toMatchObject({ onePcCommitTs: 11n });
    const range = { startKey: EMPTY_BYTES, endKey: EMPTY_BYTES, limit: 0 };
    granted = 30n;
    await served(store.txn.inspect.scanLocks(STRICT, { ...range, maxTs: 30n }));
    // It began before the safe point, and its store has not heard of that yet.
    expect(await commit(12n, 'b')).toMatchObject({ onePcCommitTs: 31n });
  });

  it('the last value at or before it is kept, and what it displaced goes with its long value', async () => {
    await session.put(10n, 11n, 'a', LONG);
    await session.put(20n, 21n, 'a', LONG);
    await session.put(30n, 31n, 'a', 'young');
    expect(await collectAll(25n)).toMatchObject({ versions: 1 });
    expect(await session.get('a', 25n)).toBe(LONG);
    expect(await session.get('a', 31n)).toBe('young');
    expect(store.engine.get(valueKey(key('a'), 10n))).toBeUndefined();
    expect(store.engine.get(valueKey(key('a'), 20n))).toBeDefined();
  });

  it('a tombstone goes with all that it hides, in the history and as the newest', async () => {
    await session.put(10n, 11n, 'a', LONG);
    expect(await session.prewrite(20n, [del('a')], 'a')).toEqual([]);
    expect(await session.commit(20n, 21n, 'a')).toBeUndefined();
    await session.put(40n, 41n, 'a', 'again');
    await collectAll(30n);
    expect(store.engine.data.size).toBe(1);
    expect(await session.prewrite(50n, [del('a')], 'a')).toEqual([]);
    expect(await session.commit(50n, 51n, 'a')).toBeUndefined();
    // At its own timestamp the tombstone still tells a transaction that began there of the conflict.
    await collectAll(51n);
    expect(store.engine.get(newestKey(key('a')))).toBeDefined();
    await collectAll(52n);
    expect(store.engine.data.size).toBe(0);
    expect(await session.get('a', 60n)).toBeUndefined();
  });

  it('a tombstone under a lock stays, since what the lock becomes is not known', async () => {
    expect(await session.prewrite(10n, [del('a')], 'a')).toEqual([]);
    expect(await session.commit(10n, 11n, 'a')).toBeUndefined();
    expect(await session.prewrite(40n, [lock('a')], 'a')).toEqual([]);
    await collectAll(30n);
    expect(store.engine.get(newestKey(key('a')))).toBeDefined();
    await session.rollback(40n, 'a');
    await collectAll(41n);
    expect(store.engine.data.size).toBe(0);
  });

  it('rollbacks and locks that were committed go below it; a rollback at it stays', async () => {
    await session.rollback(10n, 'a');
    await session.rollback(20n, 'a');
    expect(await session.prewrite(11n, [lock('b')], 'b')).toEqual([]);
    expect(await session.commit(11n, 12n, 'b')).toBeUndefined();
    await collectAll(20n);
    expect(store.engine.get(historyKey(key('a'), 10n, 'r'))).toBeUndefined();
    expect(store.engine.get(historyKey(key('b'), 12n, 'w'))).toBeUndefined();
    expect(await session.prewrite(20n, [put('a', 'late')], 'a')).toMatchObject([
      { type: 'conflict' },
    ]);
  });
});

describe('a transaction that nobody remembers', () => {
  it('is not declared dead: whoever asks is told that it cannot be known', async () => {
    await session.put(10n, 11n, 'p', 'one');
    await session.put(20n, 21n, 'p', 'two');
    await collectAll(30n);
    session.context = STRICT;
    expect(await session.check('p', 10n, 100n << 18n)).toMatchObject({
      lockTtlMs: 0,
      commitTs: 0n,
      action: 'none',
      error: { type: 'below-safe-point', ts: 10n, safePoint: 30n },
    });
    expect(store.engine.get(historyKey(key('p'), 10n, 'r'))).toBeUndefined();
    expect(await session.check('p', 20n, 100n << 18n)).toMatchObject({ commitTs: 21n });
    expect(await session.check('p', 31n, 100n << 18n)).toMatchObject({
      action: 'lock-not-exist-rollback',
    });
  });
});

describe('pages', () => {
  it('are bounded in what they read and remove, also of one key', async () => {
    const versions = 3 * limits.gcPageRecords;
    for (let i = 1; i <= versions; i++) {
      await session.put(BigInt(10 * i), BigInt(10 * i + 1), 'a', `${i}`);
    }
    const safePoint = BigInt(10 * versions + 5);
    const first = await collectPage(safePoint);
    expect(first.versions).toBeLessThanOrEqual(limits.gcPageRecords);
    expect(first.nextKey).toEqual(utf8('a'));
    const { versions: rest, pages } = await collectAll(safePoint);
    expect(first.versions + rest).toBe(versions - 1);
    expect(pages).toBeGreaterThanOrEqual(2);
    expect(await session.get('a', safePoint)).toBe(`${versions}`);
    expect(store.engine.data.size).toBe(1);
  });

  it('go over many keys, and begin where the last one ended', async () => {
    const keys = 2 * limits.gcPageRecords;
    for (let i = 0; i < keys; i++) {
      const k = `k${String(i).padStart(5, '0')}`;
      await session.put(10n, 11n, k, 'old');
      await session.put(20n, 21n, k, 'new');
    }
    const { versions, pages } = await collectAll(30n);
    expect(versions).toBe(keys);
    expect(pages).toBeGreaterThanOrEqual(4);
    expect(store.engine.data.size).toBe(keys);
  });

  it('hold the latches of what they remove alone: other commands go on meanwhile', async () => {
    await session.put(10n, 11n, 'a', 'old');
    await session.put(20n, 21n, 'a', 'new');
    await session.put(10n, 11n, 'b', 'only');
    const held: NonNullable<typeof store.access.held> = [];
    store.access.held = held;
    const page = collectPage(30n);
    await store.env.clock.settle();
    expect(held).toHaveLength(1);
    expect(await session.get('a', 40n)).toBe('new');
    const other = session.prewrite(50n, [put('b', 'meanwhile')], 'b');
    const same = session.prewrite(51n, [put('a', 'after')], 'a');
    await store.env.clock.settle();
    // The one on the same key waits for the page.
    expect(held).toHaveLength(2);
    for (const proposal of held.splice(0)) proposal.settle('applied');
    expect((await page).versions).toBe(1);
    expect(await other).toEqual([]);
    await store.env.clock.settle();
    for (const proposal of held.splice(0)) proposal.settle('applied');
    expect(await same).toEqual([]);
  });

  it('of a store that does not lead, or with a key that none can have, are refused', async () => {
    const startKey = new Uint8Array(limits.keyBytesMax + 1);
    expect(await served(store.txn.gc.collect(OLD, { safePoint: 1n, startKey }))).toMatchObject({
      ok: false,
    });
  });
});
