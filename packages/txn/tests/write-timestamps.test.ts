import {
  composeTimestamp,
  fromUtf8,
  limits,
  physicalMs,
  type Timestamp,
  TS_MAX,
  TS_ZERO,
} from '@tinykv/base';
import { fakeEnv } from '@tinykv/base/testing';
import type { RegionError } from '@tinykv/model';
import { beforeEach, describe, expect, it } from 'vitest';
import type { PrewriteRequest } from '../src/index.js';
import { type FakeStore, fakeStore, key, STRICT, served } from './fake-store.js';
import { put } from './session.js';

const HOUR_MS = 3_600_000;
const NOW = composeTimestamp(1_000 * HOUR_MS, 0);
/** An hour ahead of all that was granted. */
const FAR = composeTimestamp(1_001 * HOUR_MS, 0);

let store: FakeStore;
let granted: Timestamp;
let fetches: number;
let isAway: boolean;

const tso = (): Timestamp => ++granted;

function fetch(): Promise<Timestamp> {
  fetches++;
  return isAway ? Promise.reject(new Error('down')) : Promise.resolve(tso());
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

beforeEach(async () => {
  granted = NOW;
  fetches = 0;
  isAway = false;
  store = fakeStore(fakeEnv(), fetch);
  await commitAtOnce(tso(), 'warm-up');
  await turn();
  expect(fetches).toBe(2);
});

function prewrite(startTs: Timestamp, k: string, more: Partial<PrewriteRequest> = {}) {
  const request = { mutations: [put(k, 'v')], primary: key(k), startTs, ttlMs: 3_000, ...more };
  return store.txn.writes.prewrite(STRICT, request);
}

const commitAtOnce = (startTs: Timestamp, k: string) => prewrite(startTs, k, { tryOnePc: true });

function lockRequest(startTs: Timestamp, forUpdateTs: Timestamp, ttlMs = 3_000) {
  const keys = [key('p')];
  const how = { minCommitTs: TS_ZERO, waitMs: 0, returnValues: false, pipelined: false };
  return { keys, primary: key('p'), startTs, ttlMs, forUpdateTs, ...how };
}

async function newest(k: string): Promise<string | undefined> {
  const answer = await served(store.txn.reads.get(STRICT, key(k), tso()));
  return answer.type === 'value' ? fromUtf8(answer.value) : undefined;
}

const ABORT = expect.objectContaining({ type: 'abort' });

/** Every write that names this start, and this timestamp besides. */
async function refusals(startTs: Timestamp, ts: Timestamp): Promise<unknown[]> {
  const { writes, locks } = store.txn;
  const keys = [key('k')];
  const check = { primary: key('k'), startTs, currentTs: tso() };
  const answers = [
    (await served(prewrite(startTs, 'k', { minCommitTs: ts }))).errors[0],
    (await served(prewrite(startTs, 'k', { forUpdateTs: ts }))).errors[0],
    (await served(prewrite(startTs, 'k', { minCommitTs: ts, tryOnePc: true }))).errors[0],
    (
      await served(
        prewrite(startTs, 'k', { minCommitTs: ts, asyncCommit: { secondaries: [key('b')] } }),
      )
    ).errors[0],
    await served(writes.commit(STRICT, { keys, startTs, commitTs: ts })),
    await served(writes.resolveLock(STRICT, { startTs, commitTs: ts }, keys)),
    (await served(locks.lock(STRICT, lockRequest(startTs, ts)))).error,
    (await served(locks.lock(STRICT, { ...lockRequest(startTs, startTs), minCommitTs: ts }))).error,
  ];
  if (startTs !== ts) return answers;
  const ofStart = [
    await served(writes.batchRollback(STRICT, { keys, startTs })),
    errorOf(await writes.checkTxnStatus(STRICT, check)),
    errorOf(await writes.checkSecondaryLocks(STRICT, { keys, startTs })),
  ];
  return [...answers, ...ofStart];
}

/** These answers have no field for an error of a key. */
function errorOf(answer: { ok: true } | { ok: false; error: RegionError }): unknown {
  return answer.ok || answer.error.type !== 'other' ? answer : { ...answer.error, type: 'abort' };
}

describe('a write', () => {
  it('with the greatest timestamp, or none, is refused', async () => {
    for (const ts of [TS_MAX, TS_ZERO]) {
      const before = store.access.proposals;
      for (const refusal of await refusals(ts, ts)) expect(refusal).toEqual(ABORT);
      expect(store.access.proposals).toBe(before);
    }
    for (const refusal of await refusals(tso(), TS_MAX)) expect(refusal).toEqual(ABORT);
    expect(await newest('k')).toBeUndefined();
  });

  it('ahead of the cluster is refused, and leaves the key as it was', async () => {
    for (const startTs of [FAR, tso()]) {
      const before = store.access.proposals;
      for (const refusal of await refusals(startTs, FAR)) {
        expect(refusal).toEqual(ABORT);
        expect(refusal).toMatchObject({ message: `timestamp ${FAR} is ahead of the cluster` });
      }
      expect(store.access.proposals).toBe(before);
    }
    expect(await served(commitAtOnce(tso(), 'k'))).toMatchObject({ errors: [] });
    expect(await newest('k')).toBe('v');
  });

  it('with a granted timestamp that the store has not heard of asks once, and is served', async () => {
    granted = FAR;
    fetches = 0;
    const answers = await Promise.all(['a', 'b', 'c'].map((k) => served(prewrite(tso(), k))));
    expect(answers.map(({ errors }) => errors)).toEqual([[], [], []]);
    expect(fetches).toBe(1);
  });
});

describe('while the scheduler is away, a write', () => {
  it('is served at a timestamp that may have been granted since', async () => {
    isAway = true;
    store.env.clock.advance(HOUR_MS);
    const startTs = composeTimestamp(physicalMs(NOW) + HOUR_MS, 0);
    expect((await served(prewrite(startTs, 'k'))).errors).toEqual([]);
  });

  it('is refused for now at one that cannot be told', async () => {
    isAway = true;
    expect(await prewrite(FAR, 'k')).toMatchObject({
      ok: false,
      error: { type: 'server-is-busy' },
    });
    expect(store.access.proposals).toBe(1);
  });
});

describe('the time to live of a lock', () => {
  it('is bounded, whatever its client asks for', async () => {
    const startTs = tso();
    const ttlMs = Number.MAX_SAFE_INTEGER;
    await served(store.txn.locks.lock(STRICT, lockRequest(startTs, startTs, ttlMs)));
    await served(prewrite(startTs, 'k', { ttlMs }));
    const range = { startKey: key('a'), endKey: key('w'), limit: 0 };
    const locks = await served(store.txn.inspect.scanLocks(STRICT, { ...range, maxTs: TS_MAX }));
    expect(locks.map((lock) => lock.ttlMs)).toEqual([limits.lockTtlMsMax, limits.lockTtlMsMax]);
  });

  it('is bounded for heartbeats too', async () => {
    const startTs = tso();
    await served(prewrite(startTs, 'k'));
    const beat = { primary: key('k'), startTs, ttlMs: Number.MAX_SAFE_INTEGER };
    const answer = await served(store.txn.writes.txnHeartBeat(STRICT, beat));
    expect(answer).toEqual({ ok: true, value: limits.lockTtlMsMax });
  });
});
