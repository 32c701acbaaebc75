import { fromUtf8, keyString, TS_MAX, utf8 } from '@tinykv/base';
import { historyKey, lockKey, newestKey, valueKey } from '@tinykv/model';
import { describe, expect, it } from 'vitest';
import type { Mutation, TxnContext } from '../src/index.js';
import { type FakeStore, fakeStore, key, OLD, STRICT, served } from './fake-store.js';

const put = (k: string, value: string): Mutation => ({
  kind: 'put',
  key: key(k),
  value: utf8(value),
});
const del = (k: string): Mutation => ({ kind: 'delete', key: key(k) });
const lock = (k: string): Mutation => ({ kind: 'lock', key: key(k) });

class Session {
  readonly store: FakeStore = fakeStore();
  context: TxnContext = OLD;

  async prewrite(startTs: bigint, mutations: Mutation[], primary = 'p', ttlMs = 3000) {
    const request = { mutations, primary: key(primary), startTs, ttlMs };
    return (await served(this.store.txn.prewrite(this.context, request))).errors;
  }
  commit(startTs: bigint, commitTs: bigint, ...keys: string[]) {
    return served(this.store.txn.commit(this.context, { keys: keys.map(key), startTs, commitTs }));
  }
  rollback(startTs: bigint, ...keys: string[]) {
    return served(this.store.txn.batchRollback(this.context, { keys: keys.map(key), startTs }));
  }
  check(primary: string, startTs: bigint, currentTs: bigint) {
    return served(
      this.store.txn.checkTxnStatus(this.context, { primary: key(primary), startTs, currentTs }),
    );
  }
  resolve(startTs: bigint, commitTs: bigint) {
    return served(this.store.txn.resolveLock(this.context, { startTs, commitTs }));
  }
  async get(k: string, ts: bigint): Promise<string | undefined> {
    const answer = await served(this.store.txn.get(this.context, key(k), ts));
    if (answer.type === 'value') return fromUtf8(answer.value);
    return answer.type === 'not-found' ? undefined : `(${answer.error.type})`;
  }
  async put(startTs: bigint, commitTs: bigint, k: string, value: string): Promise<void> {
    expect(await this.prewrite(startTs, [put(k, value)], k)).toEqual([]);
    expect(await this.commit(startTs, commitTs, k)).toBeUndefined();
  }
  async scan(
    ts: bigint,
    limit: number,
    options: { start?: string; end?: string; reverse?: boolean } = {},
  ) {
    const pairs = await served(
      this.store.txn.scan(this.context, {
        startKey: utf8(options.start ?? ''),
        endKey: utf8(options.end ?? ''),
        limit,
        ts,
        reverse: options.reverse ?? false,
        keyOnly: false,
      }),
    );
    return pairs.map((pair) =>
      pair.type === 'value'
        ? `${fromUtf8(pair.key)}=${fromUtf8(pair.value)}`
        : `${fromUtf8(pair.key)}:${pair.error.type}`,
    );
  }
}

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
    const answer = await served(s.store.txn.get(OLD, key('a'), 25n));
    expect(answer).toEqual({
      type: 'key-error',
      error: {
        type: 'locked',
        lock: { primary: key('a'), startTs: 20n, key: key('a'), ttlMs: 3000 },
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
    const answer = await served(s.store.txn.get(OLD, new Uint8Array(4097), 1n));
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
    const answer = s.store.txn.get(OLD, key('a'), 15n);
    access.term += 1;
    expect(await answer).toMatchObject({ ok: false, error: { type: 'not-leader' } });
    await expect(s.get('a', 15n)).rejects.toMatchObject({ code: 'DATA_LOSS' });
  });
});

describe('KvPrewrite', () => {
  it('conflicts with a commit at or above its start', async () => {
    const s = new Session();
    await s.put(90n, 100n, 'a', 'one');
    for (const startTs of [99n, 100n]) {
      expect(await s.prewrite(startTs, [put('a', 'x')])).toEqual([
        { type: 'conflict', startTs, conflictTs: 100n, key: key('a'), primary: key('p') },
      ]);
    }
    expect(await s.prewrite(101n, [put('a', 'x')])).toEqual([]);
  });

  it('conflicts with a Lock-kind commit at or above its start', async () => {
    const s = new Session();
    await s.prewrite(10n, [lock('a')]);
    await s.commit(10n, 20n, 'a');
    expect(await s.prewrite(15n, [put('a', 'x')])).toMatchObject([
      { type: 'conflict', conflictTs: 20n },
    ]);
  });

  it('writes nothing when one key fails, and names each that does', async () => {
    const s = new Session();
    await s.prewrite(10n, [put('b', '1')], 'b');
    await s.put(10n, 30n, 'c', 'x');
    const before = new Map(s.store.engine.data);
    const errors = await s.prewrite(20n, [put('a', '1'), put('b', '2'), put('c', '3')]);
    expect(errors.map((error) => error.type)).toEqual(['locked', 'conflict']);
    expect(s.store.engine.data).toEqual(before);
  });

  it('lets the last of several mutations of one key win', async () => {
    const s = new Session();
    await s.prewrite(10n, [put('a', '1'), del('a'), put('a', '3')], 'a');
    await s.commit(10n, 11n, 'a');
    expect(await s.get('a', 12n)).toBe('3');
  });

  it('is idempotent, also after another transaction was rolled back above it', async () => {
    const s = new Session();
    await s.prewrite(10n, [put('a', '1')]);
    await s.rollback(20n, 'a');
    expect(await s.prewrite(10n, [put('a', '1')])).toEqual([]);
    expect(await s.commit(10n, 30n, 'a')).toBeUndefined();
  });

  it('does nothing without mutations', async () => {
    const s = new Session();
    expect(await s.prewrite(10n, [])).toEqual([]);
    expect(s.store.access.proposals).toBe(0);
  });

  it('refuses a transaction that no log entry can hold', async () => {
    const s = new Session();
    const mutations = [0, 1, 2].map((i) => put(`k${i}`, 'x'.repeat(3_000_000)));
    const request = { mutations, primary: key('k0'), startTs: 1n, ttlMs: 1 };
    expect(await s.store.txn.prewrite(OLD, request)).toMatchObject({
      ok: false,
      error: { type: 'raft-entry-too-large' },
    });
  });
});

describe('KvCommit', () => {
  it('refuses a commit_ts that is not above the start', async () => {
    const s = new Session();
    await s.prewrite(10n, [put('a', '1')]);
    expect(await s.commit(10n, 10n, 'a')).toMatchObject({ type: 'abort' });
    expect(await s.get('a', 20n)).toBe('(locked)');
  });

  it('succeeds again after it was committed, also when newer versions have displaced it', async () => {
    const s = new Session();
    await s.put(10n, 11n, 'a', '1');
    expect(await s.commit(10n, 11n, 'a', 'a')).toBeUndefined();
    await s.put(20n, 21n, 'a', '2');
    await s.put(30n, 31n, 'a', '3');
    await s.prewrite(40n, [put('a', '4')]);
    s.context = STRICT;
    const { proposals } = s.store.access;
    expect(await s.commit(10n, 11n, 'a')).toBeUndefined();
    expect(s.store.access.proposals).toBe(proposals);
  });

  it('fails after a rollback, and on the lock of another', async () => {
    const s = new Session();
    await s.rollback(10n, 'a');
    expect(await s.commit(10n, 11n, 'a')).toMatchObject({ type: 'abort' });
    await s.prewrite(20n, [put('b', '1')]);
    expect(await s.commit(10n, 11n, 'b')).toMatchObject({ type: 'retryable' });
  });

  it('of a prewrite that never came succeeds for old clients and fails for strict ones', async () => {
    const s = new Session();
    expect(await s.commit(10n, 11n, 'a')).toBeUndefined();
    s.context = STRICT;
    expect(await s.commit(10n, 11n, 'a')).toMatchObject({ type: 'retryable' });
    expect(s.store.engine.data.size).toBe(0);
  });

  it('commits all keys or none', async () => {
    const s = new Session();
    await s.prewrite(10n, [put('a', '1')]);
    await s.rollback(10n, 'b');
    expect(await s.commit(10n, 11n, 'a', 'b')).toMatchObject({ type: 'abort' });
    expect(await s.get('a', 20n)).toBe('(locked)');
  });

  it('does not call a stale view the truth', async () => {
    const s = new Session();
    s.context = STRICT;
    const { access } = s.store;
    const acquireRead = access.acquireRead.bind(access);
    access.acquireRead = () => {
      access.term += 1;
      return acquireRead();
    };
    const request = { keys: [key('a')], startTs: 10n, commitTs: 11n };
    expect(await s.store.txn.commit(STRICT, request)).toMatchObject({
      ok: false,
      error: { type: 'stale-command' },
    });
  });
});

describe('KvBatchRollback', () => {
  it('drops the own lock and its long value, and blocks a late prewrite', async () => {
    const s = new Session();
    await s.prewrite(10n, [put('a', 'x'.repeat(2000))]);
    expect(await s.rollback(10n, 'a', 'a')).toBeUndefined();
    expect(s.store.engine.get(valueKey(key('a'), 10n))).toBeUndefined();
    expect(s.store.engine.get(lockKey(key('a')))).toBeUndefined();
    expect(await s.prewrite(10n, [put('a', 'x')])).toMatchObject([
      { type: 'conflict', conflictTs: 10n },
    ]);
    const { proposals } = s.store.access;
    expect(await s.rollback(10n, 'a')).toBeUndefined();
    expect(s.store.access.proposals).toBe(proposals);
  });

  it('leaves the lock of another alone', async () => {
    const s = new Session();
    await s.prewrite(20n, [put('a', '1')]);
    expect(await s.rollback(10n, 'a')).toBeUndefined();
    expect(await s.commit(20n, 21n, 'a')).toBeUndefined();
    expect(await s.get('a', 30n)).toBe('1');
    expect(await s.commit(10n, 11n, 'a')).toMatchObject({ type: 'abort' });
  });

  it('refuses when the transaction is committed, found in the history too', async () => {
    const s = new Session();
    await s.put(10n, 11n, 'a', '1');
    expect(await s.rollback(10n, 'a')).toMatchObject({ type: 'abort' });
    await s.put(20n, 21n, 'a', '2');
    expect(await s.rollback(10n, 'a')).toMatchObject({ type: 'abort' });
    await s.prewrite(30n, [lock('a')]);
    await s.commit(30n, 31n, 'a');
    expect(await s.rollback(30n, 'a')).toMatchObject({ type: 'abort' });
  });

  it('at the commit_ts of another transaction leaves that commit readable', async () => {
    const s = new Session();
    await s.put(10n, 20n, 'a', 'kept');
    expect(await s.rollback(20n, 'a')).toBeUndefined();
    expect(await s.get('a', 20n)).toBe('kept');
    expect(await s.commit(10n, 20n, 'a')).toBeUndefined();
    expect(await s.commit(20n, 21n, 'a')).toMatchObject({ type: 'abort' });
    await s.put(30n, 31n, 'a', 'newer');
    expect(await s.get('a', 25n)).toBe('kept');
  });
});

describe('KvCheckTxnStatus', () => {
  const ms = (n: number): bigint => BigInt(n) << 18n;

  it('says how long a live lock lives', async () => {
    const s = new Session();
    await s.prewrite(ms(100), [put('p', '1')], 'p', 50);
    expect(await s.check('p', ms(100), ms(149) + 7n)).toEqual({
      lockTtlMs: 50,
      commitTs: 0n,
      action: 'none',
    });
  });

  it('rolls an expired lock back', async () => {
    const s = new Session();
    await s.prewrite(ms(100), [put('p', '1')], 'p', 50);
    const expired = await s.check('p', ms(100), ms(150));
    expect(expired).toEqual({ lockTtlMs: 0, commitTs: 0n, action: 'ttl-expire-rollback' });
    expect(await s.check('p', ms(100), ms(151))).toEqual({
      lockTtlMs: 0,
      commitTs: 0n,
      action: 'none',
    });
    expect(await s.commit(ms(100), ms(160), 'p')).toMatchObject({ type: 'abort' });
  });

  it('finds the commit, also below newer ones', async () => {
    const s = new Session();
    await s.put(10n, 11n, 'p', '1');
    expect(await s.check('p', 10n, 99n)).toMatchObject({ commitTs: 11n, action: 'none' });
    await s.put(20n, 21n, 'p', '2');
    expect(await s.check('p', 10n, 99n)).toMatchObject({ commitTs: 11n, action: 'none' });
  });

  it('rolls back what never came, beside the lock of another', async () => {
    const s = new Session();
    await s.prewrite(20n, [put('p', '2')], 'p');
    expect(await s.check('p', 10n, 99n)).toMatchObject({ action: 'lock-not-exist-rollback' });
    expect(await s.check('p', 10n, 99n)).toMatchObject({ action: 'none' });
    expect(await s.commit(20n, 21n, 'p')).toBeUndefined();
  });
});

describe('KvResolveLock', () => {
  it('ends every lock of the transaction and no other', async () => {
    for (const commitTs of [0n, 15n]) {
      const s = new Session();
      const many = Array.from({ length: 600 }, (_, i) => put(`k${i}`, `v${i}`));
      await s.prewrite(10n, many, 'k0');
      await s.prewrite(12n, [put('other', '1')]);
      expect(await s.resolve(10n, commitTs)).toBeUndefined();
      expect(await s.get('k599', 20n)).toBe(commitTs === 0n ? undefined : 'v599');
      expect(await s.get('other', 20n)).toBe('(locked)');
      expect(await s.resolve(10n, commitTs)).toBeUndefined();
      expect(s.store.engine.openSnapshots).toBe(0);
    }
  });

  it('stays within the Region', async () => {
    const s = new Session();
    await s.prewrite(10n, [put('a', '1'), put('z', '2')], 'a');
    const { access } = s.store;
    const all = access.region;
    const end = lockKey(key('m')).subarray(1);
    access.region = { ...all, range: { start: all.range.start, end } };
    await s.resolve(10n, 11n);
    access.region = all;
    expect(await s.get('a', 20n)).toBe('1');
    expect(await s.get('z', 20n)).toBe('(locked)');
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
