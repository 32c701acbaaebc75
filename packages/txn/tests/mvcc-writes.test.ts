import { lockKey, valueKey } from '@tinykv/model';
import { describe, expect, it } from 'vitest';
import { key, OLD, STRICT } from './fake-store.js';
import { del, lock, put, Session } from './session.js';

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
    expect(await s.store.txn.writes.prewrite(OLD, request)).toMatchObject({
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
    expect(await s.store.txn.writes.commit(STRICT, request)).toMatchObject({
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
    expect(await s.check('p', ms(100), ms(149) + 7n)).toMatchObject({
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
