import { fromUtf8, limits, TS_MAX, utf8 } from '@tinykv/base';
import { expect, it } from 'vitest';
import { TxnExecutor } from '../src/index.js';
import { fakeStore, key, OLD, served } from './fake-store.js';
import { del, lock, put, Session } from './session.js';

const NONE = new Uint8Array(0);

async function history(session: Session, k: string): Promise<string[]> {
  const found = await served(session.store.txn.inspect.keyHistory(OLD, key(k)));
  if (typeof found === 'string') return [found];
  const held = found.lock === undefined ? [] : [`locked ${found.lock.startTs}`];
  return [
    ...held,
    ...found.versions.map((v) => `${v.kind} ${v.startTs}-${v.commitTs} ${fromUtf8(v.value)}`),
    ...(found.hasMore ? ['more'] : []),
  ];
}

async function locks(session: Session, maxTs: bigint, limit = 0, start = '', end = '') {
  const request = { maxTs, limit, startKey: utf8(start), endKey: utf8(end) };
  const scan = served(session.store.txn.inspect.scanLocks(OLD, request));
  const found = await session.store.env.clock.runUntil(scan);
  return found.map((held) => `${fromUtf8(held.key)}@${held.startTs}`);
}

it('the history of a key has every kind of end, the newest first, and its lock', async () => {
  const session = new Session();
  await session.put(1n, 2n, 'p', 'one');
  await session.prewrite(3n, [lock('p')]);
  await session.commit(3n, 4n, 'p');
  await session.rollback(5n, 'p');
  await session.put(6n, 7n, 'p', 'long'.repeat(500));
  await session.prewrite(8n, [del('p')]);
  await session.commit(8n, 9n, 'p');
  await session.rollback(10n, 'p');
  await session.prewrite(11n, [put('p', 'next')]);
  expect(await history(session, 'p')).toEqual([
    'locked 11',
    'rollback 10-10 ',
    'delete 8-9 ',
    `put 6-7 ${'long'.repeat(500)}`,
    'rollback 5-5 ',
    'lock 3-4 ',
    'put 1-2 one',
  ]);
  expect(await history(session, 'never')).toEqual([]);
  expect(await history(session, 'x'.repeat(limits.keyBytesMax + 1))).toEqual([
    'key of 4097 bytes is longer than 4096',
  ]);
  expect(session.store.engine.openSnapshots).toBe(0);
});

it('a history has an end: what is older is left out, and said to be', async () => {
  const session = new Session();
  const most = limits.mvccVersionsMax;
  for (let i = 0n; i <= most; i++) await session.put(2n * i + 1n, 2n * i + 2n, 'p', String(i));
  const found = await history(session, 'p');
  expect(found).toHaveLength(most + 1);
  expect(found[0]).toBe(`put ${2 * most + 1}-${2 * most + 2} ${most}`);
  expect(found.slice(-2)).toEqual(['put 3-4 1', 'more']);
});

it('locks come in key order, of old transactions only, within the range and the limit', async () => {
  const session = new Session();
  for (const [startTs, k] of [
    [30n, 'a'],
    [10n, 'b'],
    [20n, 'c'],
    [10n, 'd'],
  ] as const) {
    await session.prewrite(startTs, [put(k, 'v')], k);
  }
  expect(await locks(session, TS_MAX)).toEqual(['a@30', 'b@10', 'c@20', 'd@10']);
  expect(await locks(session, 20n)).toEqual(['b@10', 'c@20', 'd@10']);
  expect(await locks(session, 20n, 2)).toEqual(['b@10', 'c@20']);
  expect(await locks(session, TS_MAX, 0, 'b', 'd')).toEqual(['b@10', 'c@20']);
  expect(await locks(session, TS_MAX, 0, 'd', 'b')).toEqual([]);
});

it('locks are found past pages that have none to give', async () => {
  const session = new Session();
  const name = (i: number): string => String(i).padStart(4, '0');
  const last = 2 * limits.scanPageKeys;
  for (let i = 0; i < last; i++) await session.prewrite(50n, [put(name(i), 'v')], name(i));
  await session.prewrite(10n, [put(name(last), 'v')], name(last));
  expect(await locks(session, 49n)).toEqual([`${name(last)}@10`]);
  expect(await locks(session, 50n, last)).toHaveLength(last);
});

it('a scan of locks ahead of the cluster is refused: commits would have to stay above it', async () => {
  const { env, access } = fakeStore();
  const txn = new TxnExecutor(env, access, () => Promise.resolve(5n));
  const request = { maxTs: 1n << 60n, limit: 0, startKey: NONE, endKey: NONE };
  const answer = await txn.inspect.scanLocks(OLD, request);
  expect(answer).toMatchObject({ ok: false, error: { type: 'other' } });
});
