import { fromUtf8, Prng, TS_MAX, utf8 } from '@tinykv/base';
import { fakeEnv } from '@tinykv/base/testing';
import type { KeyError } from '@tinykv/model';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Mutation, TxnStatus } from '../src/index.js';
import {
  type FakeStore,
  type Fate,
  fakeStore,
  type HeldProposal,
  key,
  STRICT,
  served,
} from './fake-store.js';

const ms = (n: number): bigint => BigInt(n) << 18n;
const put = (k: string, value: string): Mutation => ({
  kind: 'put',
  key: key(k),
  value: utf8(value),
});

let store: FakeStore;

beforeEach(() => {
  store = fakeStore();
});

async function prewrite(startTs: bigint, ...keys: string[]): Promise<readonly KeyError[]> {
  const mutations = keys.map((k) => put(k, `${k}@${startTs}`));
  const request = { mutations, primary: key('p'), startTs, ttlMs: 10 };
  return (await served(store.txn.writes.prewrite(STRICT, request))).errors;
}
const commit = (startTs: bigint, commitTs: bigint, ...keys: string[]) =>
  store.txn.writes.commit(STRICT, { keys: keys.map(key), startTs, commitTs });
const check = (startTs: bigint, currentTs: bigint) =>
  store.txn.writes.checkTxnStatus(STRICT, { primary: key('p'), startTs, currentTs });
const resolve = (startTs: bigint, commitTs: bigint) =>
  store.txn.writes.resolveLock(STRICT, { startTs, commitTs });

async function read(k: string, ts: bigint = TS_MAX - 1n): Promise<string> {
  const answer = await served(store.txn.reads.get(STRICT, key(k), ts));
  if (answer.type === 'value') return fromUtf8(answer.value);
  return answer.type === 'key-error' ? answer.error.type : answer.type;
}

/** Lets everything run that is ready to, then hands out what waits to be applied. */
async function proposals(): Promise<HeldProposal[]> {
  await store.env.clock.settle();
  return store.access.held!.splice(0);
}

describe('late_prewrite_after_rollback', () => {
  it('a prewrite that arrives after its transaction was declared dead fails, however often and late', async () => {
    expect(await served(check(ms(5), ms(5)))).toMatchObject({ action: 'lock-not-exist-rollback' });
    for (let round = 0; round < 3; round++) {
      expect(await prewrite(ms(5), 'p')).toMatchObject([{ type: 'conflict' }]);
      expect(await served(commit(ms(5), ms(6), 'p'))).toMatchObject({ type: 'abort' });
      // Later transactions come and go over the record.
      const startTs = ms(10 + round);
      expect(await prewrite(startTs, 'p')).toEqual([]);
      expect(await served(commit(startTs, startTs + 1n, 'p'))).toBeUndefined();
    }
  });

  it('also when its start is the commit_ts of another transaction, which stays committed', async () => {
    await prewrite(ms(1), 'p');
    await commit(ms(1), ms(5), 'p');
    expect(await served(check(ms(5), ms(5)))).toMatchObject({ action: 'lock-not-exist-rollback' });
    expect(await prewrite(ms(5), 'p')).toMatchObject([{ type: 'conflict' }]);
    expect(await served(commit(ms(5), ms(6), 'p'))).toMatchObject({ type: 'abort' });
    expect(await served(check(ms(1), ms(9)))).toMatchObject({ commitTs: ms(5) });
    expect(await read('p', ms(5))).toBe(`p@${ms(1)}`);
  });

  it('also beside the lock of another transaction, which may still commit', async () => {
    await prewrite(ms(7), 'p');
    expect(await served(check(ms(5), ms(5)))).toMatchObject({ action: 'lock-not-exist-rollback' });
    expect(await prewrite(ms(5), 'p')).not.toEqual([]);
    expect(await served(commit(ms(7), ms(8), 'p'))).toBeUndefined();
    expect(await served(commit(ms(5), ms(9), 'p'))).toMatchObject({ type: 'abort' });
  });

  it('a prewrite in flight and the check that would miss it take turns', async () => {
    store.access.held = [];
    const late = prewrite(ms(5), 'p');
    const [first] = await proposals();
    const status = check(ms(5), ms(5));
    // The check waits for the latch: what it would read now is not yet decided.
    expect(await proposals()).toEqual([]);
    first!.settle('applied');
    expect(await late).toEqual([]);
    expect(await served(status)).toMatchObject({ lockTtlMs: 10, action: 'none' });
  });
});

describe('resolve_lock_races_commit', () => {
  // The client commits its primary while another finds the lock expired. Whoever is proposed first wins,
  // if it is applied at all; the secondaries must follow the primary's record and nothing else.
  const fates: Fate[] = ['applied', 'unknown-applied', 'unknown-lost', { type: 'stale-command' }];
  for (const firstToCome of ['commit', 'check'] as const) {
    for (const fate of fates) {
      const what = typeof fate === 'string' ? fate : fate.type;
      it(`${firstToCome} comes first and is ${what}: all keys end as the primary did`, async () => {
        await prewrite(ms(1), 'p', 'q', 'r');
        store.access.held = [];
        const start = {
          commit: () => commit(ms(1), ms(20), 'p').catch(() => undefined),
          check: () => check(ms(1), ms(19)).catch(() => undefined),
        };
        const order =
          firstToCome === 'commit'
            ? (['commit', 'check'] as const)
            : (['check', 'commit'] as const);
        for (const name of order) void start[name]();
        const [first, ...others] = await proposals();
        expect(others).toEqual([]);
        first!.settle(fate);
        const [second] = await proposals();
        second?.settle('applied');
        store.access.held = undefined;
        await store.env.clock.settle();

        const status: TxnStatus = await served(check(ms(1), ms(30)));
        expect(status.lockTtlMs).toBe(0);
        const committed = status.commitTs === ms(20);
        expect(await served(resolve(ms(1), status.commitTs))).toBeUndefined();
        for (const k of ['p', 'q', 'r']) {
          expect(await read(k)).toBe(committed ? `${k}@${ms(1)}` : 'not-found');
        }
        // The client's own commit of the secondaries comes late and must agree.
        const late = await served(commit(ms(1), ms(20), 'q', 'r'));
        expect(late?.type).toBe(committed ? undefined : 'abort');
      });
    }
  }

  it('a secondary that its client commits while it is being resolved is committed once', async () => {
    await prewrite(ms(1), 'p', 'q');
    await commit(ms(1), ms(2), 'p');
    store.access.held = [];
    const own = commit(ms(1), ms(2), 'q');
    const other = resolve(ms(1), ms(2));
    const [first, ...others] = await proposals();
    expect(others).toEqual([]);
    first!.settle('applied');
    expect(await served(own)).toBeUndefined();
    expect(await served(other)).toBeUndefined();
    expect(store.access.held).toEqual([]);
    expect(await read('q')).toBe(`q@${ms(1)}`);
  });
});

describe('commit_retry_idempotent_and_unknown', () => {
  it('a commit whose reply was lost is confirmed with the timestamp that it has, after others too', async () => {
    await prewrite(ms(1), 'p', 'q');
    store.access.held = [];
    const lost = commit(ms(1), ms(2), 'p', 'q');
    const [proposal] = await proposals();
    proposal!.settle('unknown-applied');
    await expect(lost).rejects.toMatchObject({ code: 'UNKNOWN' });
    store.access.held = undefined;
    expect(await served(commit(ms(1), ms(2), 'p', 'q'))).toBeUndefined();
    await prewrite(ms(3), 'p', 'q');
    await commit(ms(3), ms(4), 'p', 'q');
    expect(await served(commit(ms(1), ms(2), 'p', 'q'))).toBeUndefined();
    expect(await served(check(ms(1), ms(9)))).toMatchObject({ commitTs: ms(2) });
  });

  it('a commit that never happened is an error after another has rolled the transaction back', async () => {
    await prewrite(ms(1), 'p');
    store.access.held = [];
    const lost = commit(ms(1), ms(2), 'p');
    const [proposal] = await proposals();
    proposal!.settle('unknown-lost');
    await expect(lost).rejects.toMatchObject({ code: 'UNKNOWN' });
    store.access.held = undefined;
    expect(await served(check(ms(1), ms(40)))).toMatchObject({ action: 'ttl-expire-rollback' });
    expect(await served(commit(ms(1), ms(2), 'p'))).toMatchObject({ type: 'abort' });
  });

  it('a request that nobody waits for any more holds its latches and may still commit', async () => {
    await prewrite(ms(1), 'p');
    store.access.held = [];
    void commit(ms(1), ms(2), 'p');
    const [proposal] = await proposals();
    // The client has given up. Its rollback must wait for the truth.
    const giveUp = store.txn.writes.batchRollback(STRICT, { keys: [key('p')], startTs: ms(1) });
    expect(await proposals()).toEqual([]);
    proposal!.settle('applied');
    expect(await served(giveUp)).toMatchObject({ type: 'abort' });
    expect(await read('p')).toBe(`p@${ms(1)}`);
  });

  it('a prewrite that is sent again does not take a second look at the world', async () => {
    await prewrite(ms(5), 'p');
    await store.txn.writes.batchRollback(STRICT, { keys: [key('p')], startTs: ms(6) });
    const { proposals: before } = store.access;
    expect(await prewrite(ms(5), 'p')).toEqual([]);
    expect(store.access.proposals).toBe(before);
  });
});

/** Transactions that add one to two counters each, all at once, applied in any order. */
async function runCounters(seed: number): Promise<[sum: number, committed: number]> {
  store = fakeStore(fakeEnv({ seed }));
  const rng = new Prng(seed);
  const { held } = Object.assign(store.access, { held: [] as HeldProposal[] });
  let clock = 1n;
  let committed = 0;
  const names = ['a', 'b', 'c'];
  const transact = async (): Promise<void> => {
    const startTs = ++clock;
    const keys = [names[rng.int(0, 3)]!, names[rng.int(0, 3)]!];
    const counters = new Map<string, number>();
    for (const k of keys) {
      const answer = await served(store.txn.reads.get(STRICT, key(k), startTs));
      if (answer.type === 'key-error') return;
      const value = answer.type === 'value' ? Number(fromUtf8(answer.value)) : 0;
      counters.set(k, (counters.get(k) ?? value) + 1);
    }
    const mutations = [...counters].map(([k, value]) => put(k, String(value)));
    const all = mutations.map((mutation) => mutation.key);
    const request = { mutations, primary: all[0]!, startTs, ttlMs: 1 };
    const { errors } = await served(store.txn.writes.prewrite(STRICT, request));
    if (errors.length > 0) {
      await served(store.txn.writes.batchRollback(STRICT, { keys: all, startTs }));
      return;
    }
    expect(
      await served(store.txn.writes.commit(STRICT, { keys: all, startTs, commitTs: ++clock })),
    ).toBeUndefined();
    committed += 2;
  };
  let running = 0;
  for (let started = 0; started < 40 || running > 0; ) {
    if (started < 40 && rng.int(0, 2) === 0) {
      started += 1;
      running += 1;
      void transact().finally(() => {
        running -= 1;
      });
    }
    await store.env.clock.settle();
    if (held.length > 0) held.splice(rng.int(0, held.length), 1)[0]!.settle('applied');
  }
  await store.env.clock.settle();
  let sum = 0;
  for (const k of names) {
    const value = await read(k);
    sum += value === 'not-found' ? 0 : Number(value);
  }
  return [sum, committed];
}

describe('concurrent transactions', () => {
  it('lose no update, whatever the order of applies', async () => {
    let total = 0;
    for (let seed = 0; seed < 15; seed++) {
      const [sum, committed] = await runCounters(seed);
      expect(sum, `seed ${seed}`).toBe(committed);
      total += committed;
    }
    expect(total).toBeGreaterThan(100);
  });
});
