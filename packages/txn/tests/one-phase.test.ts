import { composeTimestamp, fromUtf8, type Timestamp, TS_MAX, utf8 } from '@tinykv/base';
import { fakeEnv } from '@tinykv/base/testing';
import { lockKey } from '@tinykv/model';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Mutation, TxnExecutor } from '../src/index.js';
import { type FakeStore, fakeStore, key, pairs, STRICT, served } from './fake-store.js';

const put = (k: string, value: string): Mutation => ({
  kind: 'put',
  key: key(k),
  value: utf8(value),
});

/** What the scheduler's clock says at first, and what it says later. */
const NOW = 1_000n;
const LATER = 10_000n;

let store: FakeStore;
let timestamps: (() => void)[];
/** Whether the scheduler answers by itself. */
let answers: boolean;

beforeEach(async () => {
  timestamps = [];
  answers = false;
  store = fakeStore(fakeEnv(), () =>
    answers
      ? Promise.resolve(LATER)
      : new Promise<Timestamp>((resolve) => timestamps.push(() => resolve(NOW))),
  );
});

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The first request finds a leader that does not know what others have served. */
async function synced(): Promise<void> {
  expect(await commit(1n, put('warm-up', ''))).toEqual({ errors: [] });
  for (const answer of timestamps) answer();
  await turn();
  answers = true;
}

function commit(startTs: Timestamp, ...mutations: readonly Mutation[]) {
  const primary = mutations[0]!.key;
  const request = { mutations, primary, startTs, ttlMs: 3_000, tryOnePc: true };
  return served(store.txn.writes.prewrite(STRICT, request));
}

async function get(k: string, ts: Timestamp): Promise<string | undefined> {
  const answer = await served(store.txn.reads.get(STRICT, key(k), ts));
  if (answer.type === 'value') return fromUtf8(answer.value);
  return answer.type === 'not-found' ? undefined : answer.error.type;
}

function status(primary: string, startTs: Timestamp) {
  const request = { primary: key(primary), startTs, currentTs: startTs };
  return served(store.txn.writes.checkTxnStatus(STRICT, request));
}

describe('a transaction of one Region', () => {
  it('is committed by one proposal, above its start and above every read that was served', async () => {
    await synced();
    await get('a', 2_000n);
    const before = store.access.proposals;
    const answer = await commit(1_500n, put('a', 'one'), put('b', 'two'));
    expect(answer).toEqual({ errors: [], onePcCommitTs: 2_001n });
    expect(store.access.proposals).toBe(before + 1);
    expect(await get('a', 2_000n)).toBeUndefined();
    expect(await get('a', 2_001n)).toBe('one');
    expect(await get('b', TS_MAX)).toBe('two');
    expect(store.engine.get(lockKey(key('a')))).toBeUndefined();
    // A read at the greatest timestamp is no snapshot; a start counts.
    expect(await commit(3_000n, put('a', 'three'))).toMatchObject({ onePcCommitTs: 3_001n });
  });

  it('is prewritten while its leader does not know what was read before its term', async () => {
    expect(await commit(10n, put('a', 'one'))).toEqual({ errors: [] });
    expect(await get('a', TS_MAX)).toBe(undefined);
    // The fetched timestamp is above all of that.
    for (const answer of timestamps) answer();
    await turn();
    expect(await commit(20n, put('b', 'two'))).toMatchObject({ onePcCommitTs: NOW + 1n });
    // Another term, and it is not known again.
    store.access.term = 2;
    expect(await commit(2_000n, put('c', 'three'))).toEqual({ errors: [] });
    expect(timestamps).toHaveLength(2);
  });

  it('is not committed ahead of what was granted, where its locks have seen the newest version', async () => {
    await synced();
    // A lock that was granted over a version just above all timestamps: the commit has to lie above that.
    const ahead = LATER + 2n;
    const request = { primary: key('a'), startTs: 2_000n, ttlMs: 3_000, minCommitTs: ahead };
    const mutations = [put('a', 'one')];
    const answer = await served(
      store.txn.writes.prewrite(STRICT, { ...request, mutations, tryOnePc: true }),
    );
    // It is prewritten, and its client asks for a timestamp.
    expect(answer).toEqual({ errors: [] });
    const asyncCommit = { secondaries: [] };
    const other = { ...request, primary: key('b'), mutations: [put('b', 'one')] };
    const dated = await served(store.txn.writes.prewrite(STRICT, { ...other, asyncCommit }));
    expect(dated).toEqual({ errors: [] });
  });

  it('asks again when the scheduler has not answered', async () => {
    let fails = true;
    const timestamp = (): Promise<Timestamp> =>
      fails ? Promise.reject(new Error('down')) : Promise.resolve(NOW);
    store = fakeStore(fakeEnv(), timestamp);
    await commit(10n, put('a', 'one'));
    fails = false;
    await commit(11n, put('b', 'one'));
    expect(await commit(12n, put('c', 'one'))).toMatchObject({ onePcCommitTs: NOW + 1n });
  });

  it('is prewritten where there are no timestamps', async () => {
    store = fakeStore();
    for (const k of ['a', 'b', 'c']) expect(await commit(10n, put(k, 'x'))).toEqual({ errors: [] });
  });

  it('keeps long values, deletes and locks', async () => {
    await synced();
    const long = 'v'.repeat(5_000);
    await commit(2_000n, put('a', long), put('b', 'gone soon'));
    expect(await get('a', TS_MAX)).toBe(long);
    await commit(3_000n, { kind: 'delete', key: key('b') }, { kind: 'lock', key: key('c') });
    expect(await get('b', TS_MAX)).toBeUndefined();
    expect(await get('b', 2_900n)).toBe('gone soon');
    // A locked key counts as written.
    expect((await commit(2_500n, put('c', 'late'))).errors).toMatchObject([{ type: 'conflict' }]);
  });

  it('fails as a prewrite does, with nothing done', async () => {
    await synced();
    await commit(2_000n, put('a', 'one'));
    const { errors } = await commit(1_900n, put('b', 'two'), put('a', 'two'));
    expect(errors).toMatchObject([{ type: 'conflict', conflictTs: 2_001n }]);
    expect(await get('b', TS_MAX)).toBeUndefined();
  });

  it('that arrives twice is committed once, and its primary tells when', async () => {
    await synced();
    await commit(2_000n, put('a', 'one'));
    expect(await commit(2_000n, put('a', 'one'))).toEqual({ errors: [], onePcCommitTs: 2_001n });
    expect(await status('a', 2_000n)).toMatchObject({ commitTs: 2_001n });
    await commit(2_100n, put('a', 'two'));
    expect(await status('a', 2_000n)).toMatchObject({ commitTs: 2_001n });
  });

  it('that arrives after it was declared dead is refused', async () => {
    await synced();
    expect(await status('a', 2_000n)).toMatchObject({ action: 'lock-not-exist-rollback' });
    const { errors } = await commit(2_000n, put('a', 'one'), put('b', 'one'));
    expect(errors).toMatchObject([{ type: 'conflict' }]);
    expect(await get('b', TS_MAX)).toBeUndefined();
  });

  it('goes on from its locks when it has them', async () => {
    expect(await commit(2_000n, put('a', 'one'))).toEqual({ errors: [] });
    for (const answer of timestamps) answer();
    await turn();
    expect(await commit(2_000n, put('a', 'one'))).toEqual({ errors: [] });
    expect(await status('a', 2_000n)).toMatchObject({ lockTtlMs: 3_000 });
  });
});

describe('between the choice of its timestamp and the apply', () => {
  async function held() {
    await synced();
    store.access.held = [];
    const committing = commit(2_000n, put('a', 'one'));
    await turn();
    return { committing, proposal: store.access.held[0]! };
  }

  /** Whether the promise has an outcome by now. */
  async function isSettled(promise: Promise<unknown>): Promise<boolean> {
    const open = Symbol('open');
    await turn();
    return (await Promise.race([promise, Promise.resolve(open)])) !== open;
  }

  it('reads that ought to see the commit wait, and no others', async () => {
    const { committing, proposal } = await held();
    const late = get('a', 2_001n);
    const scan = pairs(
      store.txn.reads.scan(STRICT, {
        startKey: utf8('a'),
        endKey: utf8('b'),
        limit: 10,
        ts: 2_500n,
        reverse: false,
        keyOnly: false,
      }),
    );
    expect(await isSettled(late)).toBe(false);
    expect(await isSettled(scan)).toBe(false);
    expect(await get('a', 2_000n)).toBeUndefined();
    expect(await get('b', 3_000n)).toBeUndefined();
    // Nothing is committed yet.
    expect(await get('a', TS_MAX)).toBeUndefined();
    proposal.settle('applied');
    expect(await committing).toMatchObject({ onePcCommitTs: 2_001n });
    expect(await late).toBe('one');
    expect(await scan).toMatchObject([{ type: 'value', value: utf8('one') }]);
  });

  it('a refusal lets them go on, and nothing was committed', async () => {
    const { committing, proposal } = await held();
    const late = get('a', 2_001n);
    proposal.settle({ type: 'stale-command' });
    await expect(committing).rejects.toThrow(/stale-command/);
    expect(await late).toBeUndefined();
  });

  it('an unknown outcome is told as such', async () => {
    const { committing, proposal } = await held();
    proposal.settle('unknown-applied');
    await expect(committing).rejects.toMatchObject({ code: 'UNKNOWN' });
    expect(await get('a', 3_000n)).toBe('one');
  });

  it('a scan of other keys does not wait', async () => {
    const { committing, proposal } = await held();
    const request = { startKey: utf8('b'), endKey: utf8('c'), limit: 1, ts: 9_000n };
    const scan = store.txn.reads.scan(STRICT, { ...request, reverse: false, keyOnly: false });
    expect(await pairs(scan)).toEqual([]);
    proposal.settle('applied');
    await committing;
  });
});

describe('a read at a timestamp that nobody has granted', () => {
  /** An hour ahead. */
  const FAR = NOW + composeTimestamp(3_600_000, 0);

  function scan(ts: Timestamp) {
    const request = { startKey: utf8(''), endKey: utf8(''), limit: 1, ts };
    return store.txn.reads.scan(STRICT, { ...request, reverse: false, keyOnly: false });
  }

  async function answered<T>(asking: Promise<T>): Promise<T> {
    await turn();
    for (const answer of timestamps) answer();
    return asking;
  }

  /** A store that has once had a timestamp of the scheduler, which is away now. */
  async function leftByScheduler(): Promise<{ grant: Timestamp | undefined }> {
    const scheduler: { grant: Timestamp | undefined } = { grant: NOW };
    store = fakeStore(fakeEnv(), () => {
      const { grant } = scheduler;
      return grant === undefined ? Promise.reject(new Error('down')) : Promise.resolve(grant);
    });
    await commit(1n, put('warm-up', ''));
    scheduler.grant = undefined;
    return scheduler;
  }

  it('is refused, and later commits stay where they are seen', async () => {
    await synced();
    expect(await answered(get('a', FAR))).toBe('abort');
    expect(await answered(Promise.resolve(scan(FAR)))).toMatchObject({
      value: { type: 'key-error', error: { message: `timestamp ${FAR} is ahead of the cluster` } },
    });
    expect(await commit(2_000n, put('a', 'one'))).toMatchObject({ onePcCommitTs: 2_001n });
  });

  it('is served when the scheduler grants that far by now', async () => {
    let now = NOW;
    store = fakeStore(fakeEnv(), () => Promise.resolve(now));
    await commit(1n, put('warm-up', ''));
    now = FAR;
    expect(await get('a', FAR)).toBeUndefined();
    expect(await commit(2_000n, put('a', 'one'))).toMatchObject({ onePcCommitTs: FAR + 1n });
  });

  it('is served while the scheduler is away, and commits go by locks until it is back', async () => {
    const scheduler = await leftByScheduler();
    for (const k of ['b', 'c', 'd']) expect(await get(k, FAR)).toBeUndefined();
    expect(await commit(2_000n, put('b', 'one'))).toEqual({ errors: [] });
    // Keys that nobody has read are no matter.
    expect(await commit(2_000n, put('a', 'one'))).toMatchObject({ onePcCommitTs: 2_001n });
    scheduler.grant = FAR + 5n;
    // Asks, and does not wait for the answer.
    expect(await commit(2_001n, put('c', 'one'))).toEqual({ errors: [] });
    await turn();
    expect(await commit(2_002n, put('d', 'one'))).toMatchObject({ onePcCommitTs: FAR + 1n });
  });

  it('that turns out to be made up is forgotten', async () => {
    const scheduler = await leftByScheduler();
    for (const k of ['c', 'd']) await get(k, FAR);
    scheduler.grant = NOW + 5n;
    await commit(2_001n, put('c', 'one'));
    await turn();
    expect(await commit(2_002n, put('d', 'one'))).toMatchObject({ onePcCommitTs: 2_003n });
  });
});

describe('async_commit_max_ts_over_leader_change', () => {
  it('in one phase: a new leader commits above all that the old one served, in two until it knows', async () => {
    await synced();
    await commit(500n, put('a', 'old'));
    expect(await get('a', 2_000n)).toBe('old');
    // The leader moves to a store that has served nothing; the scheduler is past every read by then.
    store.access.term = 2;
    const grants: ((ts: Timestamp) => void)[] = [];
    const timestamp = (): Promise<Timestamp> => new Promise((resolve) => grants.push(resolve));
    const successor = new TxnExecutor(fakeEnv(), store.access, timestamp);
    const write = (startTs: Timestamp, k: string) => {
      const request = { mutations: [put(k, 'new')], primary: key(k), startTs, ttlMs: 3_000 };
      return served(successor.writes.prewrite(STRICT, { ...request, tryOnePc: true }));
    };
    // It begins before the read and comes after it. Chosen now, its timestamp could lie below 2,000.
    expect(await write(1_900n, 'a')).toEqual({ errors: [] });
    expect(await write(1_900n, 'a')).toEqual({ errors: [] });
    for (const grant of grants) grant(2_000n);
    await turn();
    // What is locked goes on in two phases, also when it is asked again.
    expect(await write(1_900n, 'a')).toEqual({ errors: [] });
    expect(await write(1_901n, 'b')).toEqual({ errors: [], onePcCommitTs: 2_001n });
    const commitTs = 2_002n;
    await served(successor.writes.commit(STRICT, { keys: [key('a')], startTs: 1_900n, commitTs }));
    // The snapshot that was read stays as it was, on whichever leader.
    expect(await served(successor.reads.get(STRICT, key('a'), 2_000n))).toMatchObject({
      value: utf8('old'),
    });
    expect(await served(successor.reads.get(STRICT, key('b'), 2_000n))).toMatchObject({
      type: 'not-found',
    });
  });
});
