import { fromUtf8, type Timestamp, TS_MAX } from '@tinykv/base';
import { fakeEnv } from '@tinykv/base/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { TxnExecutor } from '../src/index.js';
import { type FakeStore, fakeStore, key, OLD, STRICT, served } from './fake-store.js';
import { put } from './session.js';

/** What the scheduler grants: a little at first, and later more than anybody reads at. */
let now: Timestamp;
const ms = (n: number): Timestamp => BigInt(n) << 18n;

let store: FakeStore;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

beforeEach(async () => {
  now = 1_000n;
  store = fakeStore(fakeEnv(), () => Promise.resolve(now));
  const request = { mutations: [], primary: key('p'), startTs: 1n, ttlMs: 1, tryOnePc: true };
  await served(store.txn.writes.prewrite(STRICT, request));
  await turn();
  now = 10_000n;
});

/** One half of a transaction whose primary is `p`. */
function prewrite(startTs: Timestamp, keys: string[], secondaries: string[] = [], txn = store.txn) {
  const mutations = keys.map((k) => put(k, `${k} of ${startTs}`));
  const asyncCommit = { secondaries: secondaries.map(key) };
  const request = { mutations, primary: key('p'), startTs, ttlMs: 3_000, asyncCommit };
  return served(txn.writes.prewrite(STRICT, request));
}

async function get(k: string, ts: Timestamp): Promise<string | undefined> {
  const answer = await served(store.txn.reads.get(STRICT, key(k), ts));
  if (answer.type === 'value') return fromUtf8(answer.value);
  return answer.type === 'not-found' ? undefined : answer.error.type;
}

function check(startTs: Timestamp, currentTs: Timestamp, more: object = {}, primary = 'p') {
  const request = { primary: key(primary), startTs, currentTs, ...more };
  return served(store.txn.writes.checkTxnStatus(STRICT, request));
}

function commit(startTs: Timestamp, commitTs: Timestamp, ...keys: string[]) {
  return served(store.txn.writes.commit(STRICT, { keys: keys.map(key), startTs, commitTs }));
}

function secondaries(startTs: Timestamp, ...keys: string[]) {
  return served(store.txn.writes.checkSecondaryLocks(STRICT, { keys: keys.map(key), startTs }));
}

describe('a prewrite for async commit', () => {
  it('promises a timestamp above the start and above every read, and keeps it', async () => {
    await get('p', 2_000n);
    expect(await prewrite(1_500n, ['p'], ['q'])).toEqual({ errors: [], minCommitTs: 2_001n });
    // Reads below it need not care, those from it on have to find out.
    expect(await get('p', 2_000n)).toBeUndefined();
    expect(await get('p', 2_001n)).toBe('locked');
    expect(await get('p', TS_MAX)).toBe('locked');
    expect(await commit(1_500n, 2_000n, 'p')).toMatchObject({
      type: 'commit-ts-expired',
      minCommitTs: 2_001n,
    });
    expect(await commit(1_500n, 2_001n, 'p')).toBeUndefined();
    expect(await get('p', 2_001n)).toBe('p of 1500');
  });

  it('answers the same however often it is asked, whatever was read meanwhile', async () => {
    expect(await prewrite(1_500n, ['p'], ['q'])).toMatchObject({ minCommitTs: 1_501n });
    await get('r', 3_000n);
    expect(await prewrite(1_500n, ['p'], ['q'])).toEqual({ errors: [], minCommitTs: 1_501n });
    // Keys that come later are promised more, and the transaction is committed at the highest.
    expect(await prewrite(1_500n, ['p', 'r'], ['q'])).toMatchObject({ minCommitTs: 3_001n });
  });

  it('is one of two phases where some of its locks are', async () => {
    const request = { mutations: [put('a', '1')], primary: key('p'), startTs: 1_500n, ttlMs: 9 };
    expect(await served(store.txn.writes.prewrite(STRICT, request))).toEqual({ errors: [] });
    expect(await prewrite(1_500n, ['a', 'b'])).toEqual({ errors: [], minCommitTs: 0n });
  });

  it('keeps reads waiting until its locks are there to be seen', async () => {
    const { access } = store;
    access.held = [];
    const locking = prewrite(1_500n, ['p']);
    await turn();
    let seen: string | undefined = 'nothing yet';
    const late = get('p', 1_501n).then((value) => {
      seen = value;
    });
    expect(await get('p', 1_500n)).toBeUndefined();
    await turn();
    expect(seen).toBe('nothing yet');
    access.held[0]!.settle('applied');
    expect(await locking).toMatchObject({ minCommitTs: 1_501n });
    await late;
    expect(seen).toBe('locked');
  });
});

describe('the locks of an async commit', () => {
  it('do not expire: they may be a commit', async () => {
    await prewrite(ms(10), ['p'], ['q']);
    const late = await check(ms(10), ms(20_000));
    expect(late).toMatchObject({ lockTtlMs: 3_000, commitTs: 0n, action: 'none' });
    expect(late.lock).toMatchObject({ isAsyncCommit: true, secondaries: [key('q')] });
    // Unless somebody knows that not all of them are such.
    const forced = await check(ms(10), ms(20_000), { forceSyncCommit: true });
    expect(forced).toMatchObject({ lockTtlMs: 0, action: 'ttl-expire-rollback' });
  });

  it('are all there, or never will be', async () => {
    await prewrite(1_500n, ['p', 'q'], ['q', 'r']);
    const all = await secondaries(1_500n, 'q');
    expect(all.locks).toMatchObject([{ key: key('q'), minCommitTs: 1_501n, isAsyncCommit: true }]);
    expect(await secondaries(1_500n, 'q', 'r')).toEqual({ locks: [], commitTs: 0n });
    expect((await prewrite(1_500n, ['r'])).errors).toMatchObject([{ type: 'conflict' }]);
  });

  it('that were committed tell when', async () => {
    await prewrite(1_500n, ['p', 'q'], ['q']);
    await commit(1_500n, 1_600n, 'q');
    expect(await secondaries(1_500n, 'q')).toEqual({ locks: [], commitTs: 1_600n });
  });
});

describe('a check of the primary', () => {
  it('says that the key is not the primary', async () => {
    await prewrite(1_500n, ['p', 'q']);
    const status = await check(1_500n, 1_600n, {}, 'q');
    expect(status.error).toMatchObject({ type: 'primary-mismatch', primary: key('p') });
    const request = { primary: key('q'), startTs: 1_500n, currentTs: 1_600n };
    // TinyKV's answer has no field for it.
    const old = await served(store.txn.writes.checkTxnStatus(OLD, request));
    expect(old).toMatchObject({ lockTtlMs: 3_000 });
  });

  it('leaves a primary alone that may be on its way, and rolls it back for those who do not ask for that', async () => {
    const missing = await check(1_500n, 1_600n, { leaveMissingPrimary: true });
    expect(missing).toMatchObject({ action: 'lock-not-exist-do-nothing', lockTtlMs: 0 });
    expect(await prewrite(1_500n, ['p'], ['q'])).toMatchObject({ errors: [] });
    const request = { primary: key('p'), startTs: 1_400n, currentTs: 1_600n };
    const old = await served(store.txn.writes.checkTxnStatus(OLD, request));
    expect(old).toMatchObject({ action: 'lock-not-exist-rollback' });
    // An outcome is told as ever, and so is that nobody remembers it.
    const ended = await check(1_400n, 1_600n, { leaveMissingPrimary: true });
    expect(ended).toMatchObject({ action: 'none', commitTs: 0n, lockTtlMs: 0 });
    store.access.safePoint = 1_450n;
    const forgotten = await check(1_300n, 1_600n, { leaveMissingPrimary: true });
    expect(forgotten.error).toMatchObject({ type: 'below-safe-point' });
  });

  it('moves the commit of two phases above the read that asks', async () => {
    const mutations = [put('p', 'new')];
    const request = { mutations, primary: key('p'), startTs: 1_500n, ttlMs: 3_000 };
    await served(store.txn.writes.prewrite(STRICT, { ...request, minCommitTs: 1_501n }));
    expect(await get('p', 1_800n)).toBe('locked');
    const pushed = await check(1_500n, 1_900n, { callerStartTs: 1_800n });
    expect(pushed).toMatchObject({ action: 'min-commit-ts-pushed', lockTtlMs: 3_000 });
    expect(pushed.lock?.minCommitTs).toBe(1_900n);
    expect(await get('p', 1_800n)).toBeUndefined();
    expect(await commit(1_500n, 1_850n, 'p')).toMatchObject({ type: 'commit-ts-expired' });
    expect(await commit(1_500n, 1_901n, 'p')).toBeUndefined();
    expect(await get('p', 1_800n)).toBeUndefined();
  });

  it('does not push a commit above the present, whatever read is claimed', async () => {
    const mutations = [put('p', 'new')];
    const request = { mutations, primary: key('p'), startTs: 1_500n, ttlMs: 3_000 };
    await served(store.txn.writes.prewrite(STRICT, { ...request, minCommitTs: 1_501n }));
    const status = await check(1_500n, 1_900n, { callerStartTs: 1_901n });
    expect(status).toMatchObject({ action: 'none', lock: { minCommitTs: 1_501n } });
    expect(await commit(1_500n, 1_901n, 'p')).toBeUndefined();
  });

  it('pushes nothing that was not said to be pushable', async () => {
    const mutations = [put('p', 'new')];
    const request = { mutations, primary: key('p'), startTs: 1_500n, ttlMs: 3_000 };
    await served(store.txn.writes.prewrite(STRICT, request));
    expect(await check(1_500n, 1_900n, { callerStartTs: 1_800n })).toMatchObject({
      action: 'none',
    });
  });
});

describe('async_commit_max_ts_over_leader_change', () => {
  it('over several Regions: a new leader promises above all that the old one served, or nothing', async () => {
    await get('p', 2_000n);
    store.access.term = 2;
    const grants: ((ts: Timestamp) => void)[] = [];
    const timestamp = (): Promise<Timestamp> => new Promise((resolve) => grants.push(resolve));
    const successor = new TxnExecutor(fakeEnv(), store.access, timestamp);
    // It began before the read. Promised now, its commit could lie below 2,000.
    expect(await prewrite(1_900n, ['p'], ['q'], successor)).toEqual({ errors: [] });
    for (const grant of grants) grant(2_000n);
    await turn();
    // The lock stays one of two phases, for whoever asks again.
    expect(await prewrite(1_900n, ['p'], ['q'], successor)).toEqual({
      errors: [],
      minCommitTs: 0n,
    });
    expect(await prewrite(1_900n, ['q'], [], successor)).toEqual({
      errors: [],
      minCommitTs: 2_001n,
    });
    expect(await served(successor.reads.get(STRICT, key('q'), 2_000n))).toMatchObject({
      type: 'not-found',
    });
  });

  it('async_commit_replayed_before_max_ts: locks that stand for a commit say so at a leader that may not choose yet', async () => {
    await prewrite(1_500n, ['p'], ['q']);
    store.access.term = 2;
    const successor = new TxnExecutor(fakeEnv(), store.access, () => new Promise(() => {}));
    // Everybody who looks at the locks takes them for a commit at 1,501. Were the client sent into a second phase, it
    // would commit the primary at another timestamp.
    expect(await prewrite(1_500n, ['p'], ['q'], successor)).toEqual({
      errors: [],
      minCommitTs: 1_501n,
    });
    // A key that is locked only now makes it one of two phases, which the lock shows to all.
    expect(await prewrite(1_500n, ['p', 'q'], ['q'], successor)).toEqual({ errors: [] });
    const found = await served(
      successor.writes.checkSecondaryLocks(STRICT, { keys: [key('q')], startTs: 1_500n }),
    );
    expect(found.locks).toMatchObject([{ isAsyncCommit: false }]);
  });
});
