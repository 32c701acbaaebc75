import { composeTimestamp, fromUtf8, type Timestamp, utf8 } from '@tinykv/base';
import { fakeEnv } from '@tinykv/base/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { type FakeStore, fakeStore, key, pairs, STRICT, served } from './fake-store.js';
import { put } from './session.js';

/** Two seconds: not far enough ahead for the scheduler to be asked before the read is served. */
const AHEAD = composeTimestamp(2_000, 0);

let store: FakeStore;
/** The last timestamp that was granted. */
let granted: Timestamp;
let fetches: number;
/** Set: the scheduler's answers wait here. */
let held: (() => void)[] | undefined;
let isAway: boolean;

/** What any client of the cluster does. */
const tso = (): Timestamp => ++granted;

function fetch(): Promise<Timestamp> {
  fetches++;
  if (isAway) return Promise.reject(new Error('down'));
  if (held === undefined) return Promise.resolve(tso());
  const answers = held;
  return new Promise((resolve) => answers.push(() => resolve(tso())));
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

beforeEach(async () => {
  granted = composeTimestamp(1_000_000, 0);
  fetches = 0;
  held = undefined;
  isAway = false;
  store = fakeStore(fakeEnv(), fetch);
  await onePhase(tso(), 'warm-up');
  await turn();
});

async function get(k: string, ts: Timestamp): Promise<string | undefined> {
  const answer = await served(store.txn.reads.get(STRICT, key(k), ts));
  if (answer.type === 'value') return fromUtf8(answer.value);
  return answer.type === 'not-found' ? undefined : answer.error.type;
}

function onePhase(startTs: Timestamp, ...keys: string[]) {
  const mutations = keys.map((k) => put(k, `of ${startTs}`));
  const request = { mutations, primary: mutations[0]!.key, startTs, ttlMs: 3_000 };
  return served(store.txn.writes.prewrite(STRICT, { ...request, tryOnePc: true }));
}

function asynchronous(startTs: Timestamp, ...keys: string[]) {
  const mutations = keys.map((k) => put(k, `of ${startTs}`));
  const request = { mutations, primary: mutations[0]!.key, startTs, ttlMs: 3_000 };
  const asyncCommit = { secondaries: [key('elsewhere')] };
  return served(store.txn.writes.prewrite(STRICT, { ...request, asyncCommit }));
}

const range = { startKey: utf8('a'), endKey: utf8('z'), limit: 10 };

const reads: readonly [string, (ts: Timestamp) => Promise<unknown>][] = [
  ['get', (ts) => get('a', ts)],
  ['batchGet', (ts) => pairs(store.txn.reads.batchGet(STRICT, [key('a'), key('b')], ts))],
  [
    'scan',
    (ts) => pairs(store.txn.reads.scan(STRICT, { ...range, ts, reverse: false, keyOnly: false })),
  ],
  ['scanLocks', (maxTs) => served(store.txn.inspect.scanLocks(STRICT, { ...range, maxTs }))],
  [
    'pessimistic lock',
    async (forUpdateTs) => {
      const startTs = tso();
      const request = { keys: [key('a')], primary: key('a'), startTs, ttlMs: 1, forUpdateTs };
      const more = { minCommitTs: startTs, waitMs: 0, returnValues: true, pipelined: false };
      await served(store.txn.locks.lock(STRICT, { ...request, ...more }));
      await served(store.txn.locks.rollback(STRICT, { keys: [key('a')], startTs, forUpdateTs }));
    },
  ],
];

describe.each(reads)('ungranted_read_leaves_max_ts: after a %s', (_, read) => {
  it('at a timestamp ahead of the scheduler, commits are seen by the next snapshot', async () => {
    await read(granted + AHEAD);
    const { onePcCommitTs } = await onePhase(tso(), 'a');
    expect(onePcCommitTs).toBeLessThanOrEqual(granted + 1n);
    tso();
    expect(await get('a', tso())).toMatch('of ');
    const { minCommitTs } = await asynchronous(tso(), 'b');
    expect(minCommitTs).toBeLessThanOrEqual(granted + 1n);
  });

  it('at a timestamp that the store has not heard of, commits lie above it', async () => {
    const startTs = tso();
    granted += AHEAD / 2n;
    const readTs = tso();
    await read(readTs);
    const { onePcCommitTs } = await onePhase(startTs, 'a');
    expect(onePcCommitTs).toBe(readTs + 1n);
    granted += AHEAD / 2n;
    const later = tso();
    await read(later);
    expect(await asynchronous(readTs + 2n, 'a')).toEqual({ errors: [], minCommitTs: later + 1n });
  });
});

describe('ungranted_read_leaves_max_ts: a commit', () => {
  it('costs no question where nobody has read its keys above its start', async () => {
    const readTs = tso();
    await get('a', readTs);
    await get('b', tso());
    const before = fetches;
    const { onePcCommitTs } = await onePhase(readTs, 'a');
    expect(onePcCommitTs).toBe(readTs + 1n);
    expect(fetches).toBe(before);
  });

  it('waits for the scheduler with its keys locked, and for no read that comes later', async () => {
    const startTs = tso();
    const early = tso();
    await get('a', early);
    held = [];
    const committing = onePhase(startTs, 'a');
    await turn();
    const [answer] = held;
    // This one need not be above the commit, and waits to see it.
    granted += 10n;
    const late = get('a', tso());
    await turn();
    answer!();
    expect(await committing).toMatchObject({ errors: [], onePcCommitTs: early + 1n });
    expect(await late).toBe(`of ${startTs}`);
    expect(await get('a', early)).toBeUndefined();
  });

  it('goes by locks while the scheduler is away', async () => {
    const startTs = tso();
    await get('a', tso());
    isAway = true;
    expect(await onePhase(startTs, 'a')).toEqual({ errors: [] });
    await get('c', tso());
    expect(await asynchronous(startTs, 'b', 'c')).toEqual({ errors: [] });
  });
});

describe('ungranted_read_leaves_max_ts: the commit timestamp of a lock', () => {
  async function locked(): Promise<Timestamp> {
    const startTs = tso();
    const request = { mutations: [put('p', 'new')], primary: key('p'), startTs, ttlMs: 3_000 };
    await served(store.txn.writes.prewrite(STRICT, { ...request, minCommitTs: startTs + 1n }));
    return startTs;
  }

  function push(startTs: Timestamp, callerStartTs: Timestamp, currentTs: Timestamp) {
    const request = { primary: key('p'), startTs, currentTs, callerStartTs };
    return served(store.txn.writes.checkTxnStatus(STRICT, request));
  }

  it('is pushed above a read that was granted, and above no other', async () => {
    const startTs = await locked();
    const ahead = granted + AHEAD / 2n;
    expect(await push(startTs, ahead, ahead)).toMatchObject({
      action: 'none',
      lock: { minCommitTs: startTs + 1n },
    });
    const readTs = tso();
    const { lock } = await push(startTs, readTs, ahead);
    expect(lock!.minCommitTs).toBeGreaterThan(readTs);
    expect(lock!.minCommitTs).toBeLessThanOrEqual(granted);
    isAway = true;
    expect(await push(startTs, tso(), granted)).toMatchObject({ action: 'none' });
  });
});
