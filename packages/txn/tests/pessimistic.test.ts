import { lockKey, newestKey } from '@tinykv/model';
import { beforeEach, describe, expect, it } from 'vitest';
import { key } from './fake-store.js';
import { PessimisticSession } from './pessimistic-session.js';
import { del, lock, put } from './session.js';

let s: PessimisticSession;
beforeEach(() => {
  s = new PessimisticSession();
});

const isLocked = (k: string): boolean => s.store.engine.get(lockKey(key(k))) !== undefined;

describe('a pessimistic lock', () => {
  it('shows the newest value, keeps others away and lets reads pass', async () => {
    await s.put(s.at(1), s.at(2), 'a', 'one');
    expect(await s.lock(s.at(3), ['a', 'b'])).toBe('ok one -');
    expect(await s.lock(s.at(4), ['b'])).toBe('locked b');
    expect(await s.prewrite(s.at(4), [put('a', 'two')], 'a')).toMatchObject([{ type: 'locked' }]);
    expect(await s.get('a', s.at(9))).toBe('one');
    await s.finish(s.at(3), s.at(5), 'a', 'three');
    expect(await s.get('a', s.at(9))).toBe('three');
  });

  it('is taken on all keys or on none', async () => {
    await s.lock(s.at(1), ['b']);
    expect(await s.lock(s.at(2), ['a', 'b', 'c'])).toBe('locked b');
    expect([isLocked('a'), isLocked('c')]).toEqual([false, false]);
  });

  it('is not taken over a commit that it has not seen, and is with a newer timestamp', async () => {
    await s.put(s.at(3), s.at(4), 'a', 'one');
    expect(await s.lock(s.at(2), ['a'])).toBe('conflict');
    expect(await s.lock(s.at(2), ['a'], { forUpdateTs: s.at(5) })).toBe('ok one');
    // What the lock has seen may be overwritten, although it came after the start.
    await s.finish(s.at(2), s.at(6), 'a', 'two');
    expect(await s.get('a', s.at(5))).toBe('one');
    expect(await s.get('a', s.at(6))).toBe('two');
  });

  it('is taken again by its transaction, and only grows', async () => {
    await s.lock(s.at(1), ['a'], { forUpdateTs: s.at(5) });
    const proposals = s.store.access.proposals;
    expect(await s.lock(s.at(1), ['a'], { forUpdateTs: s.at(3), ttlMs: 10 })).toBe('ok -');
    expect(s.store.access.proposals).toBe(proposals);
    await s.lock(s.at(1), ['a'], { forUpdateTs: s.at(7) });
    // What was taken at 7 a rollback of what was taken up to 5 leaves.
    await s.unlock(s.at(1), ['a'], s.at(5));
    expect(isLocked('a')).toBe(true);
    await s.unlock(s.at(1), ['a'], s.at(7));
    expect(isLocked('a')).toBe(false);
  });

  it('that is given back leaves no trace, and may be taken again', async () => {
    await s.lock(s.at(1), ['a']);
    await s.unlock(s.at(1), ['a']);
    expect(s.store.engine.get(newestKey(key('a')))).toBeUndefined();
    expect(await s.lock(s.at(1), ['a'])).toBe('ok -');
  });

  it('is given back neither by others nor once it is prewritten', async () => {
    await s.lock(s.at(1), ['a']);
    await s.unlock(s.at(2), ['a']);
    expect(isLocked('a')).toBe(true);
    await s.prewriteLocked(s.at(1), [put('a', 'one')]);
    await s.unlock(s.at(1), ['a']);
    expect(isLocked('a')).toBe(true);
    expect(await s.lock(s.at(1), ['a'])).toBe('abort');
  });

  it('is not taken by a transaction that is rolled back', async () => {
    await s.rollback(s.at(1), 'a');
    expect(await s.lock(s.at(1), ['a'], { forUpdateTs: s.at(9) })).toBe('abort');
  });
});

describe('stale_pessimistic_lock_request_after_commit', () => {
  it('a lock request that arrives long after its transaction committed takes no lock', async () => {
    await s.lock(s.at(1), ['p', 'k']);
    const mutations = [put('p', 'one'), lock('k')];
    expect(await s.prewriteLocked(s.at(1), mutations)).toEqual([]);
    await s.commit(s.at(1), s.at(2), 'p', 'k');
    const stale = { primary: 'p', forUpdateTs: s.at(1) };
    for (const k of ['p', 'k']) expect(await s.lock(s.at(1), [k], stale)).not.toContain('ok');
    // Whatever timestamp it carries, and under whatever later versions the commit lies by now.
    await s.put(s.at(3), s.at(4), 'p', 'two');
    await s.put(s.at(3), s.at(4), 'k', 'two');
    for (const k of ['p', 'k']) {
      expect(await s.lock(s.at(1), [k], { ...stale, forUpdateTs: s.at(9) })).toBe('abort');
      expect(isLocked(k)).toBe(false);
    }
    expect(await s.check('p', s.at(1), s.at(99))).toMatchObject({ commitTs: s.at(2) });
  });

  it('a lock that one leaves on a key which its transaction had given back is no obstacle', async () => {
    await s.lock(s.at(1), ['p', 'k']);
    await s.unlock(s.at(1), ['k']);
    await s.finish(s.at(1), s.at(2), 'p', 'one');
    expect(await s.lock(s.at(1), ['k'], { primary: 'p' })).toBe('ok -');
    const status = await s.check('p', s.at(1), s.at(99));
    expect(status).toMatchObject({ commitTs: s.at(2), lockTtlMs: 0 });
    expect(await s.resolve(s.at(1), status.commitTs)).toBeUndefined();
    expect(isLocked('k')).toBe(false);
    expect(s.store.engine.get(newestKey(key('k')))).toBeUndefined();
  });
});

describe('the prewrite of a pessimistic transaction', () => {
  it('takes the place of its locks with whatever it writes', async () => {
    await s.put(s.at(1), s.at(2), 'b', 'gone soon');
    await s.lock(s.at(3), ['a', 'b', 'c']);
    await s.prewriteLocked(s.at(3), [put('a', 'one'), del('b'), lock('c')]);
    expect(await s.get('a', s.at(9))).toBe('(locked)');
    expect(await s.commit(s.at(3), s.at(4), 'a', 'b', 'c')).toBeUndefined();
    expect(await s.scan(s.at(9), 9)).toEqual(['a=one']);
  });

  it('makes up for a lock that was lost, as long as nothing has happened to the key', async () => {
    expect(await s.prewriteLocked(s.at(3), [put('a', 'one')])).toEqual([]);
    await s.put(s.at(4), s.at(5), 'b', 'other');
    expect(await s.prewriteLocked(s.at(3), [put('b', 'one')])).toMatchObject([{ type: 'abort' }]);
    await s.lock(s.at(6), ['c']);
    expect(await s.prewriteLocked(s.at(3), [put('c', 'one')])).toMatchObject([{ type: 'abort' }]);
  });

  it('looks at keys that it has not locked as any other does', async () => {
    await s.put(s.at(2), s.at(3), 'b', 'other');
    await s.lock(s.at(1), ['a']);
    expect(await s.prewrite(s.at(1), [put('b', 'one')], 'a')).toMatchObject([{ type: 'conflict' }]);
  });

  it('is what a commit needs: a lock alone says nothing of what is written', async () => {
    await s.lock(s.at(1), ['a']);
    expect(await s.commit(s.at(1), s.at(2), 'a')).toMatchObject({ type: 'retryable' });
    expect(isLocked('a')).toBe(true);
  });
});

describe('the status of a transaction by its pessimistic primary', () => {
  const expired = { lockTtlMs: 0, commitTs: 0n };

  it('is alive while the lock is', async () => {
    await s.lock(s.at(1), ['p'], { ttlMs: 50 });
    expect(await s.check('p', s.at(1), s.at(50))).toMatchObject({ lockTtlMs: 50 });
  });

  it('is no end where only pessimistic locks are in question', async () => {
    await s.lock(s.at(1), ['p'], { ttlMs: 50 });
    const resolving = { resolvingPessimisticLock: true };
    const action = 'ttl-expire-pessimistic-rollback';
    expect(await s.check('p', s.at(1), s.at(99), resolving)).toEqual({ ...expired, action });
    const nothing = { ...expired, action: 'lock-not-exist-do-nothing' };
    expect(await s.check('p', s.at(1), s.at(99), resolving)).toEqual(nothing);
    expect(await s.lock(s.at(1), ['p'])).toBe('ok -');
  });

  it('is an end where a prewritten lock is', async () => {
    await s.lock(s.at(1), ['p'], { ttlMs: 50 });
    expect(await s.check('p', s.at(1), s.at(99))).toMatchObject({ action: 'ttl-expire-rollback' });
    expect(await s.lock(s.at(1), ['p'], { forUpdateTs: s.at(9) })).toBe('abort');
    expect(await s.prewriteLocked(s.at(1), [put('p', 'one')])).toMatchObject([{ type: 'abort' }]);
  });
});

describe('a pipelined lock', () => {
  it('is answered before it is on a quorum, and lost when it never gets there', async () => {
    s.store.access.held = [];
    expect(await s.lock(s.at(1), ['a'], { pipelined: true })).toBe('ok -');
    s.store.access.held.splice(0)[0]!.settle({ type: 'stale-command' });
    await s.store.env.clock.settle();
    s.store.access.held = undefined;
    expect(isLocked('a')).toBe(false);
    await s.put(s.at(2), s.at(3), 'a', 'other');
    expect(await s.prewriteLocked(s.at(1), [put('a', 'one')])).toMatchObject([{ type: 'abort' }]);
  });

  it('holds its latches until its outcome is known', async () => {
    s.store.access.held = [];
    await s.lock(s.at(1), ['a'], { pipelined: true });
    const second = s.lock(s.at(2), ['a']);
    await s.store.env.clock.settle();
    s.store.access.held.splice(0)[0]!.settle('applied');
    expect(await second).toBe('locked a');
  });
});
