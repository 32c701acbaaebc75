import { err, utf8 } from '@tinykv/base';
import { fakeEnv } from '@tinykv/base/testing';
import { addsValue, shortValueBytesMax } from '@tinykv/model';
import { beforeEach, describe, expect, it } from 'vitest';
import { fakeStore, key, OLD, STRICT, served } from './fake-store.js';
import { del, lock, put, Session } from './session.js';

const ms = (n: number): bigint => BigInt(n) << 18n;

let session: Session;
let isFull: boolean;

beforeEach(async () => {
  session = new Session(fakeStore(fakeEnv(), () => Promise.resolve(ms(1_000))));
  isFull = false;
  const { access } = session.store;
  const propose = access.propose.bind(access);
  access.propose = (view, modifies) =>
    isFull && addsValue(modifies)
      ? Promise.resolve(err({ type: 'server-is-busy', reason: 'disk full' }))
      : propose(view, modifies);
  // Until a timestamp has come, nothing is committed in one phase.
  await onePhase(1n, put('warm-up', ''));
  await new Promise((resolve) => setImmediate(resolve));
});

const LONG = 'v'.repeat(shortValueBytesMax + 1);

function onePhase(startTs: bigint, ...mutations: readonly ReturnType<typeof put>[]) {
  const [{ key: primary }] = mutations as [ReturnType<typeof put>];
  const request = { mutations, primary, startTs, ttlMs: 3_000, tryOnePc: true };
  return served(session.store.txn.writes.prewrite(STRICT, request));
}

describe('a store whose disk is full', () => {
  it.each(['short', LONG])('refuses new values in every way that they come', async (value) => {
    isFull = true;
    await expect(session.prewrite(ms(1), [del('p'), put('a', value)])).rejects.toThrow('disk full');
    await expect(onePhase(ms(2), put('a', value))).rejects.toThrow('disk full');
    const raw = session.store.raw.put(OLD, 'default', key('a'), utf8(value));
    await expect(served(raw)).rejects.toThrow('disk full');
  });

  it('takes deletes and locks, in one phase or two', async () => {
    await session.put(ms(1), ms(2), 'a', LONG);
    await session.put(ms(1), ms(2), 'b', 'short');
    isFull = true;
    expect(await session.prewrite(ms(3), [del('a'), lock('c')], 'a')).toEqual([]);
    expect(await session.commit(ms(3), ms(4), 'a', 'c')).toBeUndefined();
    expect((await onePhase(ms(5), del('b'))).errors).toEqual([]);
    expect(await session.get('a', ms(2_000))).toBeUndefined();
    expect(await session.get('b', ms(2_000))).toBeUndefined();
    const raw = session.store.raw.delete(OLD, 'default', key('x'));
    await served(raw);
  });

  it.each(['short', LONG])(
    'lets a transaction that it has the values of live and end',
    async (value) => {
      await session.prewrite(ms(1), [put('p', value), put('s', value)], 'p', 100);
      await session.prewrite(ms(1), [put('q', value)], 'q', 100);
      isFull = true;
      const beat = { primary: key('p'), startTs: ms(1), ttlMs: 500 };
      expect(await served(session.store.txn.writes.txnHeartBeat(STRICT, beat))).toMatchObject({
        ok: true,
      });
      expect(await session.check('p', ms(1), ms(400))).toMatchObject({ lockTtlMs: 500 });
      expect(await session.rollback(ms(1), 'q')).toBeUndefined();
      expect(await session.commit(ms(1), ms(2), 'p')).toBeUndefined();
      expect(await session.resolve(ms(1), ms(2))).toBeUndefined();
      expect(await session.get('s', ms(3))).toBe(value);
      expect(await session.get('q', ms(3))).toBeUndefined();
    },
  );
});
