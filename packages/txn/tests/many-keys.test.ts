import { limits, utf8 } from '@tinykv/base';
import { lockKey, newestKey } from '@tinykv/model';
import { beforeEach, describe, expect, it } from 'vitest';
import type { TxnContext } from '../src/index.js';
import { type FakeStore, fakeStore, key, STRICT } from './fake-store.js';
import { put } from './session.js';

const KEYS = 2_000;
const { commandPartKeys } = limits;

const name = (i: number): string => `k${String(i).padStart(6, '0')}`;
const names = (count: number): string[] => Array.from({ length: count }, (_, i) => name(i));
const keysOf = (count: number): Uint8Array[] => names(count).map(key);
const TXN = { startTs: 5n };

/** Every command of many keys, with what it needs to have been done before. */
type Run = (store: FakeStore, context: TxnContext, keys: Uint8Array[]) => Promise<unknown>;

const prewriteOf =
  (more: object = {}): Run =>
  (store, context, keys) =>
    store.txn.writes.prewrite(context, {
      mutations: keys.map((each) => ({ kind: 'put', key: each, value: utf8('v') })),
      primary: keys[0]!,
      ttlMs: 3_000,
      ...TXN,
      ...more,
    });
const prewrite = prewriteOf();
const onePhase = prewriteOf({ tryOnePc: true });
const asyncCommit = prewriteOf({ asyncCommit: { secondaries: [] } });
const rollback: Run = (store, context, keys) =>
  store.txn.writes.batchRollback(context, { keys, ...TXN });
const commit: Run = (store, context, keys) =>
  store.txn.writes.commit(context, { keys, ...TXN, commitTs: 6n });
const resolve: Run = (store, context, keys) =>
  store.txn.writes.resolveLock(context, { ...TXN, commitTs: 6n }, keys);
const secondaries: Run = (store, context, keys) =>
  store.txn.writes.checkSecondaryLocks(context, { keys, ...TXN });
const lock: Run = (store, context, keys) =>
  store.txn.locks.lock(context, {
    keys,
    ...TXN,
    primary: keys[0]!,
    ttlMs: 3_000,
    forUpdateTs: 5n,
    minCommitTs: 0n,
    waitMs: 0,
    returnValues: false,
    pipelined: false,
  });
const unlock: Run = (store, context, keys) =>
  store.txn.locks.rollback(context, { keys, ...TXN, forUpdateTs: 5n });

const nothing: Run = () => Promise.resolve();
const COMMANDS: readonly (readonly [string, Run, before: Run])[] = [
  ['prewrite', prewrite, nothing],
  ['prewrite in one phase', onePhase, nothing],
  ['prewrite for async commit', asyncCommit, nothing],
  ['batch rollback', rollback, nothing],
  ['commit', commit, prewrite],
  ['resolve lock', resolve, prewrite],
  ['check secondary locks', secondaries, prewrite],
  ['pessimistic lock', lock, nothing],
  ['pessimistic rollback', unlock, lock],
];

describe('commands of many keys', () => {
  let store: FakeStore;
  /** Records that were read since others had their turn, and the most that were. */
  let inTurn: number;
  let mostInTurn: number;

  const run = <T>(work: Promise<T>): Promise<T> => store.env.clock.runUntil(work);

  beforeEach(() => {
    store = fakeStore();
    inTurn = 0;
    mostInTurn = 0;
    const { engine } = store.access;
    const get = engine.get.bind(engine);
    engine.get = (at) => {
      inTurn += 1;
      mostInTurn = Math.max(mostInTurn, inTurn);
      return get(at);
    };
    const { clock } = store.env;
    const defer = clock.defer.bind(clock);
    clock.defer = (fn) =>
      defer(() => {
        inTurn = 0;
        fn();
      });
  });

  it.each(COMMANDS)(
    '%s: reads so many in a turn, and proposes once',
    async (_, command, before) => {
      await run(before(store, STRICT, keysOf(KEYS)));
      const proposals = store.access.proposals;
      inTurn = 0;
      mostInTurn = 0;
      expect(await run(command(store, STRICT, keysOf(KEYS)))).toMatchObject({ ok: true });
      // A lock, a newest record, and a rollback.
      expect(mostInTurn).toBeLessThanOrEqual(3 * commandPartKeys);
      expect(mostInTurn).toBeGreaterThan(commandPartKeys);
      expect(store.access.proposals - proposals).toBeLessThanOrEqual(1);
    },
  );

  it.each(COMMANDS)(
    '%s: stops with its client, with nothing written',
    async (_, command, before) => {
      await run(before(store, STRICT, keysOf(KEYS)));
      const proposals = store.access.proposals;
      let asked = 0;
      const caller = {
        get isGone() {
          asked += 1;
          return asked > 3;
        },
      };
      const gone = run(command(store, { ...STRICT, caller }, keysOf(KEYS)));
      await expect(gone).rejects.toMatchObject({ code: 'CANCELLED' });
      expect(asked).toBe(4);
      expect(store.access.proposals).toBe(proposals);
      // Its latches are free again.
      expect(await run(rollback(store, STRICT, keysOf(1)))).toMatchObject({ ok: true });
    },
  );

  it.each(COMMANDS)('%s: refuses more keys than any client sends', async (_, command) => {
    const keys = keysOf(limits.commandKeysMax + 1);
    const refused = new Promise((done) => done(command(store, STRICT, keys)));
    await expect(refused).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: `${keys.length} keys in one request: the most is ${limits.commandKeysMax}`,
    });
    expect(inTurn).toBe(0);
  });

  it('stay whole: a writer of one of the keys waits until all are decided', async () => {
    const keys = keysOf(KEYS);
    const all = prewrite(store, STRICT, keys);
    const other = store.txn.writes.prewrite(STRICT, {
      mutations: [put(name(KEYS - 1), 'other')],
      primary: keys[KEYS - 1]!,
      startTs: 7n,
      ttlMs: 3_000,
    });
    const [first, second] = await run(Promise.all([all, other]));
    expect(first).toMatchObject({ ok: true, value: { errors: [] } });
    expect(second).toMatchObject({ ok: true, value: { errors: [{ type: 'locked' }] } });
  });

  it('answer all errors, and write nothing, when one key of the last part fails', async () => {
    await run(prewrite(store, STRICT, [key(name(KEYS - 1))]));
    const later = prewriteOf({ startTs: 8n });
    const answer = await run(later(store, STRICT, keysOf(KEYS)));
    expect(answer).toMatchObject({ ok: true, value: { errors: [{ type: 'locked' }] } });
    expect(store.access.engine.get(lockKey(key(name(0))))).toBeUndefined();
    await run(commit(store, STRICT, [key(name(KEYS - 1))]));
    const refused = await run(rollback(store, STRICT, keysOf(KEYS)));
    expect(refused).toMatchObject({ ok: true, value: { type: 'abort' } });
    expect(store.access.engine.get(newestKey(key(name(0))))).toBeUndefined();
  });

  it('that wait for latches keep so many bytes, and others are told that the store is busy', async () => {
    store.access.held = [];
    const value = new Uint8Array(7 * 1_048_576);
    const hot = (startTs: bigint, k = 'hot') =>
      store.txn.writes.prewrite(STRICT, {
        mutations: [{ kind: 'put', key: key(k), value }],
        primary: key(k),
        startTs,
        ttlMs: 3_000,
      });
    const all = Array.from({ length: 120 }, (_, i) => hot(BigInt(i + 1)));
    const settled = await Promise.race([
      Promise.allSettled(all.slice(11)),
      store.env.clock.run(1).then(() => 'they wait'),
    ]);
    expect(settled).toHaveLength(109);
    for (const each of settled as PromiseFulfilledResult<unknown>[]) {
      expect(each.value).toMatchObject({ ok: false, error: { type: 'server-is-busy' } });
    }
    // A command that need not wait is served.
    const free = hot(200n, 'cold');
    await store.env.clock.settle();
    expect(store.access.held).toHaveLength(2);
    const { held } = store.access;
    store.access.held = undefined;
    for (const { settle } of held) settle('applied');
    expect(await run(free)).toMatchObject({ ok: true });
    for (const each of all.slice(0, 10)) expect(await run(each)).toMatchObject({ ok: true });
  });
});
