import { fromUtf8, type Timestamp, TS_MAX } from '@tinykv/base';
import { fakeEnv } from '@tinykv/base/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Mutation, type PrewriteRequest, TxnExecutor } from '../src/index.js';
import { type FakeStore, fakeStore, key, STRICT, served } from './fake-store.js';
import { del, lock, put } from './session.js';

/** What the scheduler grants: a little at first, and later more than anybody reads at. */
let now: Timestamp;
const START = 2_000n;
const COMMIT = 2_001n;

let store: FakeStore;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A prewrite that may commit the transaction of `START`, with `p` as its primary. */
function prewrite(
  mutations: readonly Mutation[],
  how: Partial<PrewriteRequest> = { tryOnePc: true },
  txn = store.txn,
) {
  const request = { mutations, primary: key('p'), startTs: START, ttlMs: 3_000, ...how };
  return served(txn.writes.prewrite(STRICT, request));
}

const async = (...secondaries: string[]): Partial<PrewriteRequest> => ({
  asyncCommit: { secondaries: secondaries.map(key) },
});

/** A leader of a later term that may not choose timestamps: the scheduler does not answer it. */
function successor(): TxnExecutor {
  store.access.term++;
  return new TxnExecutor(fakeEnv(), store.access, () => new Promise(() => {}));
}

async function read(k: string, ts: Timestamp = TS_MAX): Promise<string | undefined> {
  const answer = await served(store.txn.reads.get(STRICT, key(k), ts));
  if (answer.type === 'value') return fromUtf8(answer.value);
  return answer.type === 'not-found' ? undefined : answer.error.type;
}

async function overwrite(k: string, startTs: Timestamp): Promise<void> {
  const request = { mutations: [put(k, 'later')], primary: key(k), startTs, ttlMs: 3_000 };
  const { errors, onePcCommitTs } = await served(
    store.txn.writes.prewrite(STRICT, { ...request, tryOnePc: true }),
  );
  expect(errors).toEqual([]);
  expect(onePcCommitTs).toBe(startTs + 1n);
}

beforeEach(async () => {
  now = 1_000n;
  store = fakeStore(fakeEnv(), () => Promise.resolve(now));
  await prewrite([]);
  await turn();
  now = 10_000n;
});

describe('prewrite_repeated_after_commit: a prewrite that has committed, in one phase', () => {
  const all = [put('p', '1'), del('q'), lock('r'), put('s', 'v'.repeat(5_000))];

  it('answers the commit timestamp again, and writes nothing', async () => {
    expect(await prewrite(all)).toEqual({ errors: [], onePcCommitTs: COMMIT });
    const { proposals } = store.access;
    expect(await prewrite(all)).toEqual({ errors: [], onePcCommitTs: COMMIT });
    expect(store.access.proposals).toBe(proposals);
  });

  it('for whichever of its keys', async () => {
    await prewrite(all);
    for (const one of all) expect(await prewrite([one])).toMatchObject({ onePcCommitTs: COMMIT });
  });

  it('also when later transactions have written the keys, or read above', async () => {
    await prewrite(all);
    await read('p', 3_000n);
    for (const [i, k] of ['p', 'q', 'r', 'p', 's'].entries()) {
      await overwrite(k, 4_000n + 10n * BigInt(i));
    }
    expect(await prewrite(all)).toEqual({ errors: [], onePcCommitTs: COMMIT });
    expect(await read('p')).toBe('later');
  });

  it('also at another leader, which may not choose a timestamp', async () => {
    await prewrite(all);
    const heir = successor();
    expect(await prewrite(all, { tryOnePc: true }, heir)).toEqual({
      errors: [],
      onePcCommitTs: COMMIT,
    });
    const both = { tryOnePc: true, ...async('q', 'r', 's') };
    expect(await prewrite(all, both, heir)).toMatchObject({ onePcCommitTs: COMMIT });
  });

  it('but not by a leader that has been deposed', async () => {
    await prewrite(all);
    store.access.acquireRead = async () => ({
      ok: false,
      error: { type: 'not-leader', regionId: 1, leader: undefined },
    });
    await expect(prewrite(all)).rejects.toThrow('not-leader');
  });

  it('and one that was rolled back is a conflict, as ever', async () => {
    const request = { keys: [key('p')], startTs: START };
    await served(store.txn.writes.batchRollback(STRICT, request));
    expect((await prewrite(all)).errors).toMatchObject([{ type: 'conflict', conflictTs: START }]);
    await overwrite('p', 4_000n);
    expect((await prewrite(all)).errors).toMatchObject([{ type: 'conflict' }]);
  });
});

describe('prewrite_repeated_after_commit: a prewrite of an async commit', () => {
  const half = [put('p', '1'), put('q', '1')];

  async function committed(...keys: string[]): Promise<void> {
    await read('p', 2_500n);
    expect(await prewrite(half, async('q', 'x'))).toEqual({ errors: [], minCommitTs: 2_501n });
    const request = { keys: keys.map(key), startTs: START, commitTs: 2_600n };
    expect(await served(store.txn.writes.commit(STRICT, request))).toBeUndefined();
  }

  it('answers when it was committed', async () => {
    await committed('p', 'q');
    expect(await prewrite(half, async('q', 'x'))).toEqual({ errors: [], minCommitTs: 2_600n });
    const heir = successor();
    expect(await prewrite(half, async('q', 'x'), heir)).toMatchObject({ minCommitTs: 2_600n });
  });

  it('also while some of its locks are still there', async () => {
    await committed('p');
    expect(await prewrite(half, async('q', 'x'))).toEqual({ errors: [], minCommitTs: 2_600n });
    expect(await prewrite(half, { tryOnePc: true, ...async('q') })).toEqual({
      errors: [],
      minCommitTs: 2_600n,
    });
    expect(await read('q', 2_700n)).toBe('locked');
  });

  it('also of a pessimistic transaction, whose lock is gone with the commit', async () => {
    const pessimistic = { ...async('q', 'x'), forUpdateTs: 2_100n };
    const locked = half.map((mutation) => ({ ...mutation, isLocked: true }));
    await prewrite(locked, pessimistic);
    const request = { keys: [key('p'), key('q')], startTs: START, commitTs: 2_600n };
    await served(store.txn.writes.commit(STRICT, request));
    expect(await prewrite(locked, pessimistic)).toEqual({ errors: [], minCommitTs: 2_600n });
  });

  it('but a prewrite of two phases is a conflict, as in TinyKV', async () => {
    await committed('p', 'q');
    expect((await prewrite(half, {})).errors).toMatchObject([
      { type: 'conflict' },
      { type: 'conflict' },
    ]);
  });
});
