import { fromUtf8, limits, type Timestamp, TS_MAX } from '@tinykv/base';
import { fakeEnv } from '@tinykv/base/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import type { ScanPair, TxnContext } from '../src/index.js';
import { fakeStore, key, pairs, STRICT, served } from './fake-store.js';
import { del, lock, put, Session } from './session.js';

let session: Session;
const LONG = 'v'.repeat(5_000);

const batchGet = (ts: Timestamp, ...keys: string[]) =>
  pairs(session.store.txn.reads.batchGet(session.context, keys.map(key), ts));
const texts = (found: readonly ScanPair[]): string[] =>
  found.map((pair) =>
    pair.type === 'value'
      ? `${fromUtf8(pair.key)}=${fromUtf8(pair.value)}`
      : `${fromUtf8(pair.key)}:${pair.error.type}`,
  );

beforeEach(() => {
  session = new Session();
  session.context = STRICT;
});

describe('a read of versions', () => {
  const versions = (ts: Timestamp, ...keys: string[]) =>
    served(session.store.txn.reads.versions(session.context, keys.map(key), ts));

  it('tells the commit of the newest Put or Delete, never of a Lock or a rollback', async () => {
    await session.put(10n, 11n, 'a', 'one');
    await session.put(20n, 21n, 'a', LONG);
    await session.prewrite(30n, [lock('a')], 'a');
    await session.commit(30n, 31n, 'a');
    await session.put(10n, 11n, 'c', 'gone');
    await session.prewrite(20n, [del('c')], 'c');
    await session.commit(20n, 21n, 'c');
    await session.prewrite(40n, [put('l', 'undecided')], 'l');
    const read = await versions(50n, 'c', 'a', 'never', 'l');
    expect(read).toMatchObject({
      type: 'versions',
      versions: [
        { key: key('c'), type: 'not-found', commitTs: 21n },
        { key: key('a'), type: 'value', value: key(LONG), commitTs: 21n },
        { key: key('never'), type: 'not-found', commitTs: 0n },
        { key: key('l'), type: 'key-error' },
      ],
    });
    expect(await versions(20n, 'c', 'a')).toMatchObject({
      versions: [
        { type: 'value', commitTs: 11n },
        { type: 'value', value: key('one'), commitTs: 11n },
      ],
    });
    session.store.access.safePoint = 35n;
    expect(await versions(50n, 'a')).toMatchObject({ safePoint: 35n });
    expect(await versions(34n, 'a')).toMatchObject({
      versions: [{ type: 'key-error', error: { type: 'below-safe-point' } }],
    });
  });
});

describe('a batch get', () => {
  it('has the keys that exist or are locked, as they were at its timestamp', async () => {
    await session.put(10n, 11n, 'a', 'one');
    await session.put(20n, 21n, 'a', 'two');
    await session.put(10n, 11n, 'b', LONG);
    await session.put(10n, 11n, 'c', 'gone');
    await session.prewrite(20n, [del('c')], 'c');
    await session.commit(20n, 21n, 'c');
    await session.prewrite(30n, [put('l', 'undecided'), lock('guard')], 'l');
    const keys = ['l', 'c', 'nothing', 'a', 'guard', 'b'];
    expect(texts(await batchGet(15n, ...keys))).toEqual(['c=gone', 'a=one', `b=${LONG}`]);
    expect(texts(await batchGet(25n, ...keys))).toEqual(['a=two', `b=${LONG}`]);
    expect(texts(await batchGet(35n, ...keys))).toEqual(['l:locked', 'a=two', `b=${LONG}`]);
    expect(texts(await batchGet(9n, ...keys))).toEqual([]);
    expect(await batchGet(9n)).toEqual([]);
    expect(session.store.engine.openSnapshots).toBe(0);
  });

  it('has a limit of keys and of bytes, and refuses a key that is too long', async () => {
    const many = Array.from({ length: limits.batchGetKeysMax + 1 }, () => 'a');
    await expect(batchGet(9n, ...many)).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
    const mib = 'v'.repeat(1_048_576);
    const names = Array.from({ length: 9 }, (_, i) => `k${i}`);
    for (const name of names) await session.put(10n, 11n, name, mib);
    await expect(batchGet(20n, ...names)).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
    expect(await batchGet(20n, ...names.slice(0, 7))).toHaveLength(7);
    await expect(batchGet(9n, 'x'.repeat(limits.keyBytesMax + 1))).rejects.toThrow(/longer/);
  });

  it('counts as a read: what is committed in one phase later lies above it', async () => {
    let now = 1_000n;
    session = new Session(fakeStore(fakeEnv(), () => Promise.resolve(now)));
    session.context = STRICT;
    const commit = async (startTs: Timestamp, k: string) => {
      const request = { mutations: [put(k, 'x')], primary: key(k), startTs, ttlMs: 3_000 };
      return served(session.store.txn.writes.prewrite(STRICT, { ...request, tryOnePc: true }));
    };
    await commit(10n, 'warm-up');
    await new Promise((resolve) => setImmediate(resolve));
    now = 10_000n;
    await batchGet(5_000n, 'a', 'b');
    expect(await commit(2_000n, 'a')).toMatchObject({ onePcCommitTs: 5_001n });
    // A read that skips locks is no snapshot that a commit could change.
    session.context = { ...STRICT, isolation: 'read-committed' };
    await batchGet(9_000n, 'a');
    await session.get('a', 9_000n);
    await session.scan(9_000n, 9);
    expect(await commit(6_000n, 'b')).toMatchObject({ onePcCommitTs: 6_001n });
  });
});

describe('what a read sees', () => {
  const allOf = async (context: TxnContext, ts: Timestamp): Promise<string[][]> => {
    session.context = context;
    const gets = await Promise.all(['a', 'b'].map(async (k) => `${k}=${await session.get(k, ts)}`));
    return [gets, texts(await batchGet(ts, 'a', 'b')), await session.scan(ts, 9)];
  };
  const seen = (...all: string[]): string[][] => [all, all, all];
  const hidden = (...all: string[]): string[][] => [
    all.map((text) => text.replace(/:(\w+)/, '=($1)')),
    all,
    all,
  ];

  beforeEach(async () => {
    await session.put(10n, 11n, 'a', 'old');
    await session.put(10n, 11n, 'b', 'old');
    await session.prewrite(20n, [put('a', 'new'), put('b', 'new')], 'a');
  });

  it('snapshot: a lock from before the timestamp hides the key', async () => {
    expect(await allOf(STRICT, 15n)).toEqual(seen('a=old', 'b=old'));
    expect(await allOf(STRICT, 25n)).toEqual(hidden('a:locked', 'b:locked'));
    await session.commit(20n, 30n, 'a');
    expect(await allOf(STRICT, 35n)).toEqual(hidden('a=new', 'b:locked'));
  });

  it('read committed: the newest that is committed, whatever is locked', async () => {
    const context: TxnContext = { ...STRICT, isolation: 'read-committed' };
    expect(await allOf(context, 25n)).toEqual(seen('a=old', 'b=old'));
    await session.commit(20n, 30n, 'a');
    expect(await allOf(context, 35n)).toEqual(seen('a=new', 'b=old'));
    expect(await allOf(context, TS_MAX)).toEqual(seen('a=new', 'b=old'));
    expect(await allOf(context, 25n)).toEqual(seen('a=old', 'b=old'));
  });

  it('locks of transactions that are resolved are skipped, others are not', async () => {
    const context: TxnContext = { ...STRICT, resolvedLocks: new Set([19n, 20n]) };
    expect(await allOf(context, 25n)).toEqual(seen('a=old', 'b=old'));
    const others: TxnContext = { ...STRICT, resolvedLocks: new Set([21n]) };
    expect(await allOf(others, 25n)).toEqual(hidden('a:locked', 'b:locked'));
  });
});

describe('a long read', () => {
  const KEYS = 1_000;
  const name = (i: number): string => `k${String(i).padStart(4, '0')}`;

  beforeEach(async () => {
    const names = Array.from({ length: KEYS }, (_, i) => name(i));
    await session.prewrite(
      10n,
      names.map((n) => put(n, n)),
      name(0),
    );
    await session.commit(10n, 11n, ...names);
  });

  /** Turns that the store gives to others while it reads. */
  async function turnsOf(reading: Promise<readonly ScanPair[]>): Promise<number> {
    const { clock } = session.store.env;
    let isDone = false;
    void reading.then(() => {
      isDone = true;
    });
    let turns = 0;
    for (; ; turns++) {
      await new Promise((resolve) => setImmediate(resolve));
      if (isDone) return turns;
      // A write that arrives meanwhile is served at once.
      await session.put(BigInt(1_000 + turns * 2), BigInt(1_001 + turns * 2), 'other', 'x');
      clock.runDeferred();
    }
  }

  it('by scan gives turns to others', async () => {
    const request = { startKey: key('k'), endKey: key('l'), limit: KEYS, ts: 20n };
    const found = pairs(
      session.store.txn.reads.scan(STRICT, { ...request, reverse: false, keyOnly: false }),
    );
    expect(await turnsOf(found)).toBe(Math.floor(KEYS / limits.scanPageKeys));
    expect(await found).toHaveLength(KEYS);
  });

  it('over keys that it does not see gives turns too', async () => {
    const request = { startKey: key('k'), endKey: key('l'), limit: KEYS, ts: 5n };
    const found = pairs(
      session.store.txn.reads.scan(STRICT, { ...request, reverse: true, keyOnly: true }),
    );
    expect(await turnsOf(found)).toBe(Math.floor(KEYS / limits.scanPageKeys));
    expect(await found).toEqual([]);
  });

  it('by batch get gives turns to others', async () => {
    const names = Array.from({ length: KEYS }, (_, i) => name(i));
    const found = batchGet(20n, ...names);
    expect(await turnsOf(found)).toBe(Math.floor(KEYS / limits.scanPageKeys));
    expect(await found).toHaveLength(KEYS);
  });
});

describe('a scan', () => {
  beforeEach(async () => {
    for (const k of ['a', 'b', 'c', 'd']) await session.put(10n, 11n, k, k);
  });

  it('keeps to its end, both ways, and to its limit', async () => {
    expect(await session.scan(20n, 9, { start: 'b', end: 'd' })).toEqual(['b=b', 'c=c']);
    expect(await session.scan(20n, 9, { start: 'b', end: 'd', reverse: true })).toEqual([
      'c=c',
      'b=b',
    ]);
    expect(await session.scan(20n, 1, { end: 'd', reverse: true })).toEqual(['c=c']);
    expect(await session.scan(20n, 0)).toEqual([]);
    expect(await session.scan(20n, 9, { start: 'c', end: 'b' })).toEqual([]);
  });

  it('leaves values out when it is asked for keys', async () => {
    const request = { startKey: key(''), endKey: key('c'), limit: 9, ts: 20n, reverse: false };
    const scan = session.store.txn.reads.scan(STRICT, { ...request, keyOnly: true });
    expect(texts(await pairs(scan))).toEqual(['a=', 'b=']);
  });

  it('passes by the keys between those that are wanted, in reads that do not grow with them', async () => {
    for (let i = 0; i < 600; i++) await session.put(30n, 31n, `gAx${1_000 + i}`, 'x');
    for (const name of ['gAy1', 'gAy2', 'gBx1', 'gBy1', 'gBy5', 'gBy6', 'gCz', 'gDy9']) {
      await session.put(30n, 31n, name, 'x');
    }
    const request = { startKey: key('g'), endKey: key('h'), limit: 99, ts: 40n, reverse: false };
    const names = async (limit: number, restEnd: string): Promise<string[]> => {
      const groups = { nameBytes: 2, tag: key('y'), restEnd: key(restEnd) };
      const scan = session.store.txn.reads.scan(STRICT, {
        ...request,
        limit,
        keyOnly: true,
        groups,
      });
      return texts(await pairs(scan));
    };
    expect(await names(99, '')).toEqual(['gAy1=', 'gAy2=', 'gBy1=', 'gBy5=', 'gBy6=', 'gDy9=']);
    expect(await names(99, '2')).toEqual(['gAy1=', 'gAy2=', 'gBy1=', 'gBy5=', 'gDy9=']);
    expect(await names(2, '')).toEqual(['gAy1=', 'gAy2=']);
    // A lock on a key that is not wanted is in nobody's way; a deleted key is not the first of the others.
    await session.prewrite(50n, [put('gAx1', 'x')], 'gAx1');
    await session.prewrite(52n, [del('gBy5')], 'gBy5');
    await session.commit(52n, 53n, 'gBy5');
    const later = { ...request, ts: 60n, keyOnly: true };
    const groups = { nameBytes: 2, tag: key('y'), restEnd: key('2') };
    const scan = session.store.txn.reads.scan(STRICT, { ...later, groups });
    expect(texts(await pairs(scan))).toEqual(['gAy1=', 'gAy2=', 'gBy1=', 'gBy6=', 'gDy9=']);
  });

  it('gives the first bytes of values, short or long, when it is asked for no more', async () => {
    await session.put(30n, 31n, 'b', 'x'.repeat(5_000));
    await session.put(30n, 31n, 'c', 'y'.repeat(100));
    const request = { startKey: key(''), endKey: key('d'), limit: 9, ts: 40n, reverse: false };
    const heads = { ...request, keyOnly: false, valueBytesMax: 3 };
    expect(texts(await pairs(session.store.txn.reads.scan(STRICT, heads)))).toEqual([
      'a=a',
      'b=xxx',
      'c=yyy',
    ]);
    const all = { ...heads, valueBytesMax: 0 };
    const [, long] = await pairs(session.store.txn.reads.scan(STRICT, all));
    expect(texts([long!])[0]).toHaveLength(5_002);
  });
});
