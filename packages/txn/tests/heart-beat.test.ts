import { lockKey, shortValueBytesMax } from '@tinykv/model';
import { beforeEach, describe, expect, it } from 'vitest';
import { key, STRICT, served } from './fake-store.js';
import { put, Session } from './session.js';

const ms = (n: number): bigint => BigInt(n) << 18n;

let session: Session;
const beat = (primary: string, startTs: bigint, ttlMs: number) =>
  served(session.store.txn.writes.txnHeartBeat(STRICT, { primary: key(primary), startTs, ttlMs }));

beforeEach(() => {
  session = new Session();
});

describe('a heartbeat', () => {
  it('lengthens the life of a transaction and never shortens it', async () => {
    await session.prewrite(ms(10), [put('p', 'x'), put('s', 'x')], 'p', 100);
    expect(await beat('p', ms(10), 500)).toEqual({ ok: true, value: 500 });
    expect(await session.check('p', ms(10), ms(400))).toMatchObject({ lockTtlMs: 500 });
    const before = session.store.access.proposals;
    expect(await beat('p', ms(10), 200)).toEqual({ ok: true, value: 500 });
    expect(await beat('p', ms(10), 500)).toEqual({ ok: true, value: 500 });
    expect(session.store.access.proposals).toBe(before);
    expect(await session.check('p', ms(10), ms(511))).toMatchObject({
      action: 'ttl-expire-rollback',
    });
  });

  it('keeps all else of the lock, a long value too', async () => {
    const long = 'v'.repeat(shortValueBytesMax + 1);
    await session.prewrite(ms(10), [put('p', long)], 'p', 100);
    await beat('p', ms(10), 500);
    expect(await session.commit(ms(10), ms(11), 'p')).toBeUndefined();
    expect(await session.get('p', ms(12))).toBe(long);
  });

  it('finds no lock before the prewrite, after the end, or of another transaction', async () => {
    const gone = { ok: false, error: { type: 'abort' } };
    expect(await beat('p', ms(10), 500)).toMatchObject(gone);
    await session.prewrite(ms(10), [put('p', 'x')], 'p', 100);
    expect(await beat('p', ms(11), 500)).toMatchObject(gone);
    await session.commit(ms(10), ms(20), 'p');
    expect(await beat('p', ms(10), 500)).toMatchObject(gone);
    await session.rollback(ms(30), 'q');
    expect(await beat('q', ms(30), 500)).toMatchObject(gone);
    expect(session.store.engine.get(lockKey(key('p')))).toBeUndefined();
  });

  it('goes to the primary alone', async () => {
    await session.prewrite(ms(10), [put('p', 'x'), put('s', 'x')], 'p', 100);
    expect(await beat('s', ms(10), 500)).toMatchObject({
      ok: false,
      error: { type: 'primary-mismatch', primary: key('p') },
    });
    expect(await beat('x'.repeat(4_097), ms(10), 500)).toMatchObject({ ok: false });
  });
});
