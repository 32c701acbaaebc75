import { keyString, TS_MAX } from '@tinykv/base';
import { historyKey, lockKey, newestKey, valueKey } from '@tinykv/model';
import { describe, expect, it } from 'vitest';
import { key, OLD, STRICT, served } from './fake-store.js';
import { del, lock, put, Session } from './session.js';

describe('KvGet', () => {
  it('reads the version that was committed at or below its timestamp', async () => {
    const s = new Session();
    await s.put(50n, 54n, 'a', 'one');
    await s.put(60n, 66n, 'a', 'two');
    expect(await s.get('a', 53n)).toBeUndefined();
    expect(await s.get('a', 54n)).toBe('one');
    expect(await s.get('a', 65n)).toBe('one');
    expect(await s.get('a', 66n)).toBe('two');
    expect(await s.get('a', TS_MAX)).toBe('two');
    expect(await s.get('b', TS_MAX)).toBeUndefined();
  });

  it('sees a delete as absence and the version below it in the past', async () => {
    const s = new Session();
    await s.put(10n, 11n, 'a', 'one');
    await s.prewrite(20n, [del('a')]);
    await s.commit(20n, 21n, 'a');
    await s.put(30n, 31n, 'a', 'three');
    expect(await s.get('a', 15n)).toBe('one');
    expect(await s.get('a', 25n)).toBeUndefined();
    expect(await s.get('a', 35n)).toBe('three');
  });

  it('skips rollbacks and Lock-kind commits', async () => {
    const s = new Session();
    await s.put(10n, 11n, 'a', 'one');
    await s.prewrite(20n, [lock('a')]);
    expect(await s.commit(20n, 25n, 'a')).toBeUndefined();
    await s.rollback(30n, 'a');
    await s.put(40n, 41n, 'a', 'four');
    expect(await s.get('a', 26n)).toBe('one');
    expect(await s.get('a', 31n)).toBe('one');
    expect(await s.get('a', 41n)).toBe('four');
  });

  it('is stopped by a lock from before, not by one from after, nor by one that changes nothing', async () => {
    const s = new Session();
    await s.put(10n, 11n, 'a', 'one');
    await s.prewrite(20n, [put('a', 'two'), lock('b')], 'a');
    expect(await s.get('a', 19n)).toBe('one');
    expect(await s.get('a', 20n)).toBe('(locked)');
    expect(await s.get('b', 20n)).toBeUndefined();
    const answer = await served(s.store.txn.reads.get(OLD, key('a'), 25n));
    expect(answer).toEqual({
      type: 'key-error',
      error: {
        type: 'locked',
        lock: expect.objectContaining({
          primary: key('a'),
          startTs: 20n,
          key: key('a'),
          ttlMs: 3000,
        }),
      },
    });
  });

  it('at the greatest timestamp heeds the primary for old clients and secondaries for strict ones', async () => {
    const s = new Session();
    await s.prewrite(20n, [put('p', '1'), put('q', '2')], 'p');
    expect(await s.get('p', TS_MAX)).toBe('(locked)');
    expect(await s.get('q', TS_MAX)).toBeUndefined();
    s.context = STRICT;
    expect(await s.get('p', TS_MAX)).toBeUndefined();
    expect(await s.get('q', TS_MAX)).toBe('(locked)');
  });

  it('keeps an empty value apart from absence', async () => {
    const s = new Session();
    await s.put(10n, 11n, 'a', '');
    expect(await s.get('a', 20n)).toBe('');
  });

  it('keeps long values beside the records, while they are newest and after', async () => {
    const s = new Session();
    const long = 'x'.repeat(1025);
    await s.put(10n, 11n, 'a', long);
    expect(s.store.engine.get(valueKey(key('a'), 10n))?.length).toBe(1029);
    expect(await s.get('a', 11n)).toBe(long);
    await s.put(20n, 21n, 'a', 'short');
    expect(await s.get('a', 11n)).toBe(long);
    expect(s.store.engine.openSnapshots).toBe(0);
  });

  it('refuses keys above the limit', async () => {
    const s = new Session();
    const answer = await served(s.store.txn.reads.get(OLD, new Uint8Array(4097), 1n));
    expect(answer).toMatchObject({ type: 'key-error', error: { type: 'abort' } });
  });

  for (const [what, at] of [
    ['newest record', newestKey(key('a'))],
    ['history record', historyKey(key('a'), 11n, 'w')],
    ['lock', lockKey(key('a'))],
  ] as const) {
    it(`answers DATA_LOSS for a damaged ${what}`, async () => {
      const s = new Session();
      await s.put(10n, 11n, 'a', 'one');
      await s.put(20n, 21n, 'a', 'two');
      await s.prewrite(30n, [put('a', 'three')]);
      const bytes = s.store.engine.get(at)!;
      bytes[3]! ^= 0x10;
      await expect(s.get('a', 15n)).rejects.toMatchObject({ code: 'DATA_LOSS' });
    });
  }

  it('answers not-leader rather than damage when the data goes away with the Region', async () => {
    const s = new Session();
    await s.put(10n, 11n, 'a', 'x'.repeat(2000));
    const { access, engine } = s.store;
    engine.data.delete(keyString(valueKey(key('a'), 10n)));
    const answer = s.store.txn.reads.get(OLD, key('a'), 15n);
    access.term += 1;
    expect(await answer).toMatchObject({ ok: false, error: { type: 'not-leader' } });
    await expect(s.get('a', 15n)).rejects.toMatchObject({ code: 'DATA_LOSS' });
  });
});

describe('KvScan', () => {
  it('returns each key once, in order, as of its timestamp', async () => {
    const s = new Session();
    for (const [i, k] of ['b', 'a', 'd', 'c'].entries()) {
      await s.put(BigInt(10 + 2 * i), BigInt(11 + 2 * i), k, `${k}1`);
    }
    await s.put(30n, 31n, 'a', 'a2');
    await s.prewrite(40n, [del('c')]);
    await s.commit(40n, 41n, 'c');
    await s.rollback(50n, 'e');
    expect(await s.scan(60n, 10)).toEqual(['a=a2', 'b=b1', 'd=d1']);
    expect(await s.scan(35n, 10)).toEqual(['a=a2', 'b=b1', 'c=c1', 'd=d1']);
    expect(await s.scan(14n, 10)).toEqual(['a=a1', 'b=b1']);
    expect(await s.scan(60n, 2)).toEqual(['a=a2', 'b=b1']);
    expect(await s.scan(60n, 0)).toEqual([]);
    expect(await s.scan(60n, 10, { start: 'b' })).toEqual(['b=b1', 'd=d1']);
    expect(await s.scan(60n, 10, { start: 'b', end: 'd' })).toEqual(['b=b1']);
    expect(await s.scan(60n, 2, { reverse: true })).toEqual(['d=d1', 'b=b1']);
    expect(await s.scan(60n, 9, { end: 'b', reverse: true })).toEqual(['a=a2']);
    expect(await s.scan(60n, 9, { start: 'z', end: 'b' })).toEqual([]);
  });

  it('reports locks as pairs that count, first writes included', async () => {
    const s = new Session();
    await s.put(10n, 11n, 'b', 'b1');
    await s.put(10n, 11n, 'c', 'c1');
    await s.prewrite(20n, [put('a', 'x'), put('b', 'x'), put('d', 'x'), lock('c')], 'a');
    expect(await s.scan(25n, 10)).toEqual(['a:locked', 'b:locked', 'c=c1', 'd:locked']);
    expect(await s.scan(25n, 3)).toEqual(['a:locked', 'b:locked', 'c=c1']);
    expect(await s.scan(25n, 10, { reverse: true })).toEqual([
      'd:locked',
      'c=c1',
      'b:locked',
      'a:locked',
    ]);
    expect(await s.scan(19n, 10)).toEqual(['b=b1', 'c=c1']);
  });

  it('goes over many pages and stops at the end of the Region', async () => {
    const s = new Session();
    const name = (i: number): string => `k${String(i).padStart(4, '0')}`;
    const keys = Array.from({ length: 1000 }, (_, i) => name(i));
    await s.prewrite(
      10n,
      keys.map((k, i) => (i % 2 ? put(k, k) : del(k))),
      keys[0],
    );
    await s.commit(10n, 11n, ...keys);
    expect((await s.scan(20n, 400)).length).toBe(400);
    expect((await s.scan(20n, 600)).length).toBe(500);
    const { access } = s.store;
    const end = lockKey(key(name(100))).subarray(1);
    access.region = { ...access.region, range: { start: access.region.range.start, end } };
    expect((await s.scan(20n, 600)).length).toBe(50);
    expect(await s.scan(20n, 1, { reverse: true })).toEqual([`${name(99)}=${name(99)}`]);
    expect(s.store.engine.openSnapshots).toBe(0);
  });

  it('fails rather than return fewer pairs than asked for', async () => {
    const s = new Session();
    for (let i = 0; i < 3; i++) {
      await s.put(10n, 11n, `k${i}`, 'x'.repeat(4_000_000));
    }
    expect((await s.scan(20n, 2)).length).toBe(2);
    await expect(s.scan(20n, 3)).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
  });
});
