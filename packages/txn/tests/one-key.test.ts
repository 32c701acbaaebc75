import { fromUtf8, type Timestamp, TS_MAX, utf8 } from '@tinykv/base';
import { fakeEnv } from '@tinykv/base/testing';
import { historyKey, newestKey, valueKey, type WriteCondition } from '@tinykv/model';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Change, Mutation, OneKeyOutcome, OneKeyWrite } from '../src/index.js';
import { type FakeStore, fakeStore, type HeldProposal, key, STRICT, served } from './fake-store.js';

const ALWAYS: WriteCondition = { type: 'always' };
const ABSENT: WriteCondition = { type: 'absent' };
const version = (ts: Timestamp): WriteCondition => ({ type: 'version', version: ts });
const head = (orAbsent: boolean, ...heads: readonly string[]): WriteCondition => ({
  type: 'head',
  heads: heads.map(utf8),
  orAbsent,
});

const to = (value: string): Change => ({ kind: 'put', value: utf8(value) });
const GONE: Change = { kind: 'delete' };

function one(k: string, ts: Timestamp, change: Change, condition = ALWAYS): OneKeyWrite {
  return { key: key(k), ts, change, condition, companions: [] };
}

function withCompanion(write: OneKeyWrite, k: string, change: Change): OneKeyWrite {
  return { ...write, companions: [...write.companions, { key: key(k), change }] };
}

let store: FakeStore;
/** The last timestamp that the scheduler has granted. */
let granted: Timestamp;
let questions: number;

beforeEach(async () => {
  granted = 1_000n;
  questions = 0;
  store = fakeStore(fakeEnv(), async () => {
    questions += 1;
    granted += 1n;
    return granted;
  });
  await write(one('warm-up', 1n, to('x')));
  await turn();
  await write(one('warm-up', 2n, to('x')));
  questions = 0;
});

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function ask(waitForLatches: boolean, writes: readonly OneKeyWrite[]) {
  return served(store.txn.oneKey.write(STRICT, { writes, waitForLatches }));
}

function write(...writes: readonly OneKeyWrite[]) {
  return ask(true, writes);
}

const next = (): Timestamp => {
  granted += 10n;
  return granted;
};

async function get(k: string, ts: Timestamp = TS_MAX): Promise<string | undefined> {
  const answer = await served(store.txn.reads.get(STRICT, key(k), ts));
  if (answer.type === 'value') return fromUtf8(answer.value);
  return answer.type === 'not-found' ? undefined : answer.error.type;
}

const written = (commitTs: Timestamp | undefined): OneKeyOutcome => ({ type: 'written', commitTs });
const refused = (value: string | undefined, ts: Timestamp): OneKeyOutcome => ({
  type: 'refused',
  value: value === undefined ? undefined : utf8(value),
  version: ts,
});

function lock(k: string, startTs: Timestamp): Promise<unknown> {
  const mutations: Mutation[] = [{ kind: 'put', key: key(k), value: utf8('locked') }];
  const request = { mutations, primary: key(k), startTs, ttlMs: 3_000 };
  return served(store.txn.writes.prewrite(STRICT, request));
}

describe('a write of one key', () => {
  it('is committed by one proposal, above its timestamp and every read, and asks nobody', async () => {
    const ts = next();
    const before = store.access.proposals;
    expect(await write(one('a', ts, to('one')), one('b', ts, to('two')))).toEqual([
      written(ts + 1n),
      written(ts + 1n),
    ]);
    expect([store.access.proposals, questions]).toEqual([before + 1, 0]);
    expect(await get('a', ts)).toBeUndefined();
    expect(await get('a', ts + 1n)).toBe('one');
  });

  it('happens on its condition alone, and tells what is there instead', async () => {
    const ts = next();
    await write(one('a', ts, to('1:one')));
    const at = ts + 1n;
    const later = next();
    const tries = [
      one('a', later, to('x'), ABSENT),
      one('a', later + 1n, to('x'), version(at - 1n)),
      one('a', later + 2n, to('x'), head(true, '2:', '1:x')),
      one('b', later, to('x'), head(false, '1:')),
      one('b', later + 1n, to('x'), version(at)),
    ];
    const there = [refused('1:one', at), refused('1:one', at), refused('1:one', at)];
    const before = store.access.proposals;
    expect(await write(...tries)).toEqual([
      ...there,
      refused(undefined, 0n),
      refused(undefined, 0n),
    ]);
    expect(store.access.proposals).toBe(before);
    for (const [i, condition] of [head(false, '9', '1:'), version(at), ABSENT].entries()) {
      const name = i === 2 ? 'fresh' : 'a';
      const [outcome] = await write(one(name, later + 3n + BigInt(i), to('1:two'), condition));
      expect(outcome, condition.type).toMatchObject({ type: i === 1 ? 'refused' : 'written' });
    }
    expect(await write(one('c', next(), to('x'), head(true, '1:')))).toMatchObject([
      { type: 'written' },
    ]);
  });

  it('compares long values, too', async () => {
    const long = `1:${'v'.repeat(5_000)}`;
    await write(one('a', next(), to(long)));
    expect(await get('a')).toBe(long);
    expect(await write(one('a', next(), to('short'), head(false, '2:')))).toMatchObject([
      { type: 'refused', value: utf8(long) },
    ]);
    await write(one('a', next(), to('short'), head(false, '1:')));
    expect(await get('a')).toBe('short');
  });

  it('takes its companions along, or does nothing', async () => {
    const ts = next();
    const both = withCompanion(one('a', ts, to('one')), 'z', to('z1'));
    expect(await write(both)).toEqual([written(ts + 1n)]);
    expect([await get('a', ts + 1n), await get('z', ts + 1n)]).toEqual(['one', 'z1']);
    await write(withCompanion(one('a', next(), to('two'), ABSENT), 'z', to('z2')));
    expect([await get('a'), await get('z')]).toEqual(['one', 'z1']);
    await lock('z', next());
    const [outcome] = await write(withCompanion(one('a', next(), to('three')), 'z', GONE));
    expect(outcome).toMatchObject({
      type: 'error',
      error: { type: 'locked', lock: { key: key('z') } },
    });
    expect(await get('a')).toBe('one');
  });

  it('that deletes nothing leaves no version, unless others go with it', async () => {
    const before = store.access.proposals;
    expect(await write(one('a', next(), GONE))).toEqual([written(undefined)]);
    expect(store.access.proposals).toBe(before);
    expect(store.engine.get(newestKey(key('a')))).toBeUndefined();
    // The version tells a repeated request that the companion is written.
    const both = withCompanion(one('n', next(), GONE), 'z', to('z'));
    const first = await write(both);
    expect(first).toMatchObject([{ type: 'written', commitTs: expect.any(BigInt) }]);
    await write(one('z', next(), to('newer')));
    expect(await write(both)).toEqual(first);
    expect(await get('z')).toBe('newer');
    const ts = next();
    await write(one('a', ts, to('one')));
    expect(await write(one('a', ts + 5n, GONE))).toEqual([written(ts + 6n)]);
    expect([await get('a', ts + 5n), await get('a')]).toEqual(['one', undefined]);
  });

  it('is refused by itself when its key is too long or its timestamp too old', async () => {
    const ts = next();
    store.access.safePoint = ts;
    const long = { ...one('', ts, to('x')), key: new Uint8Array(70_000) };
    const outcomes = await write(one('a', ts - 1n, to('x')), one('b', ts, to('y')), long);
    expect(outcomes).toMatchObject([
      { type: 'error', error: { type: 'below-safe-point' } },
      { type: 'written' },
      { type: 'error', error: { type: 'abort' } },
    ]);
  });

  it('is answered by itself when its value is damaged, and may be overwritten', async () => {
    const ts = next();
    await write(one('a', ts, to('v'.repeat(5_000))));
    const batch = store.engine.batch();
    batch.put(valueKey(key('a'), ts), utf8('rotten'));
    await store.engine.write(batch, { sync: false });
    const later = next();
    expect(
      await write(one('a', later, to('x'), head(false, 'v')), one('b', later, to('y'))),
    ).toMatchObject([{ type: 'error', error: { type: 'abort' } }, { type: 'written' }]);
    expect(await write(one('a', next(), to('fresh')))).toMatchObject([{ type: 'written' }]);
    expect(await get('a')).toBe('fresh');
  });

  it('that is told too much does nothing', async () => {
    const long = to('v'.repeat(1_000_000));
    for (let i = 0; i < 9; i++) await write(one(`big${i}`, next(), long));
    const ts = next();
    const refusedOnes = Array.from({ length: 9 }, (_, i) => one(`big${i}`, ts, to('x'), ABSENT));
    const all = [one('a', ts, to('one')), ...refusedOnes];
    await expect(write(...all)).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
    expect(await get('a')).toBeUndefined();
  });

  it('has no timestamp that the scheduler may not have granted', async () => {
    const far = 1n << 60n;
    expect(await write(one('a', far, to('x')))).toMatchObject([
      { type: 'error', error: { type: 'abort' } },
    ]);
    expect(await write(one('a', 0n, to('x')))).toMatchObject([
      { type: 'error', error: { type: 'abort' } },
    ]);
    expect(await write(one('b', 0n, to('x')), one('c', next(), to('x')))).toMatchObject([
      { type: 'error' },
      { type: 'error' },
    ]);
    const twice = [one('a', 5n, to('x')), withCompanion(one('b', 5n, to('y')), 'a', GONE)];
    const error = expect.objectContaining({ code: 'INVALID_ARGUMENT' });
    expect(() => write(...twice)).toThrow(error);
  });
});

describe('the commit timestamp of a write of one key', () => {
  it('is never ahead of what was granted, however often a key is written', async () => {
    // All of these were asked for before the first of them was answered.
    const ts = next();
    for (let i = 0; i < 20; i++) {
      const [outcome] = await write(one('a', ts - BigInt(i), to(`${i}`)));
      const { commitTs } = outcome as { readonly commitTs: Timestamp };
      expect(commitTs).toBeLessThanOrEqual(granted + 1n);
      // A snapshot that begins now sees it.
      granted += 1n;
      expect(await get('a', granted)).toBe(`${i}`);
    }
    expect(questions).toBeGreaterThan(0);
  });

  it('lies above every read that was served, also of one whose timestamp the store must ask for', async () => {
    const ts = next();
    const readAt = next();
    expect(await get('a', readAt)).toBeUndefined();
    const [outcome] = await write(one('a', ts, to('one')));
    expect(outcome).toEqual(written(readAt + 1n));
    expect(await get('a', readAt)).toBeUndefined();
    // A read at a timestamp that nobody was granted moves nothing.
    expect(await get('b', granted + 1_000n)).toBeUndefined();
    const [other] = await write(one('b', granted, to('one')));
    expect((other as { readonly commitTs: Timestamp }).commitTs).toBeLessThanOrEqual(granted + 1n);
  });

  it('is not chosen by a leader that does not know what was read before its term', async () => {
    store.access.term = 2;
    const ts = next();
    expect(await write(one('a', ts, to('one')), one('warm-up', ts, to('x'), ABSENT))).toMatchObject(
      [{ type: 'unready' }, { type: 'refused', value: utf8('x') }],
    );
    await turn();
    expect(await write(one('a', ts, to('one')))).toMatchObject([{ type: 'written' }]);
  });

  it('lies in the past of nobody who waits: reads wait between choice and apply', async () => {
    const held: HeldProposal[] = [];
    store.access.held = held;
    const ts = next();
    const pending = write(one('a', ts, to('one')));
    await turn();
    const below = get('a', ts);
    const above = get('a', ts + 5n);
    expect(await below).toBeUndefined();
    await turn();
    held[0]!.settle('applied');
    await pending;
    expect(await above).toBe('one');
  });
});

describe('writes of one key that are asked for together', () => {
  it('leave one version of a key, and those before it are told that they have none', async () => {
    const ts = next();
    const outcomes = await write(
      one('a', ts, to('one')),
      one('b', ts, to('b')),
      one('a', ts - 1n, to('two')),
      one('a', ts - 2n, to('three'), ABSENT),
    );
    expect(outcomes).toEqual([
      written(undefined),
      written(ts + 1n),
      written(ts + 1n),
      // What it would be decided on has no version yet.
      { type: 'latched' },
    ]);
    expect(await get('a')).toBe('two');
    expect(store.engine.get(historyKey(key('a'), ts + 1n, 'w'))).toBeUndefined();
  });

  it('are told alone of a lock', async () => {
    const lockTs = next();
    await lock('a', lockTs);
    const ts = next();
    const outcomes = await write(one('a', ts, to('one')), one('b', ts, to('two')));
    expect(outcomes).toMatchObject([
      { type: 'error', error: { type: 'locked', lock: { startTs: lockTs } } },
      { type: 'written' },
    ]);
  });

  it('are told alone of a latch, or wait for it when they want to', async () => {
    const held: HeldProposal[] = [];
    store.access.held = held;
    const ts = next();
    const first = write(withCompanion(one('a', ts, to('one')), 'z', to('z')));
    await turn();
    const second = ask(false, [
      one('a', ts + 1n, to('two')),
      one('b', ts + 1n, to('b')),
      withCompanion(one('c', ts + 1n, to('c')), 'z', GONE),
    ]);
    const third = ask(true, [one('a', ts + 2n, to('three'), head(false, 'one'))]);
    await turn();
    expect(held).toHaveLength(2);
    held[1]!.settle('applied');
    expect(await second).toEqual([{ type: 'latched' }, written(ts + 2n), { type: 'latched' }]);
    held[0]!.settle('applied');
    expect(await first).toEqual([written(ts + 1n)]);
    await turn();
    held[2]!.settle('applied');
    expect(await third).toEqual([written(ts + 3n)]);
  });
});

describe('a write of one key that is asked for again', () => {
  it('answers as before, also when others have written since', async () => {
    const ts = next();
    expect(await write(one('a', ts, to('one'), ABSENT))).toEqual([written(ts + 1n)]);
    expect(await write(one('a', ts, to('one'), ABSENT))).toEqual([written(ts + 1n)]);
    for (let i = 0; i < 40; i++) await write(one('a', next(), to(`${i}`)));
    expect(await write(one('a', ts, to('one'), ABSENT))).toEqual([written(ts + 1n)]);
    expect(await get('a')).toBe('39');
  });

  it('happens once when its outcome was unknown', async () => {
    const held: HeldProposal[] = [];
    for (const fate of ['unknown-applied', 'unknown-lost'] as const) {
      store.access.held = held;
      const ts = next();
      const lost = write(one(fate, ts, to('one')));
      const outcome = expect(lost).rejects.toMatchObject({ code: 'UNKNOWN' });
      await turn();
      held.pop()!.settle(fate);
      await outcome;
      store.access.held = undefined;
      expect(await write(one(fate, ts, to('one')))).toEqual([written(ts + 1n)]);
      expect(await get(fate)).toBe('one');
    }
  });

  it('never happens once its client was told that it did not', async () => {
    const ts = next();
    const request = { primary: key('a'), startTs: ts, currentTs: TS_MAX - 1n };
    await served(store.txn.writes.checkTxnStatus(STRICT, request));
    const again = await write(one('a', ts, to('late')));
    expect(again).toMatchObject([{ type: 'error', error: { type: 'abort' } }]);
    expect(await get('a')).toBeUndefined();
  });

  it('is found by those who ask for its outcome as for that of a transaction', async () => {
    const ts = next();
    await write(one('a', ts, to('one')));
    const request = { primary: key('a'), startTs: ts, currentTs: ts };
    const status = await served(store.txn.writes.checkTxnStatus(STRICT, request));
    expect(status.commitTs).toBe(ts + 1n);
  });
});
