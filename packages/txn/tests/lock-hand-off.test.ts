import { fromUtf8, KvError, type Timestamp } from '@tinykv/base';
import { beforeEach, describe, expect, it } from 'vitest';
import { key, served } from './fake-store.js';
import { PessimisticSession } from './pessimistic-session.js';
import { put } from './session.js';

let s: PessimisticSession;
/** What ended, in the order in which it did. */
let story: string[];

beforeEach(() => {
  s = new PessimisticSession();
  story = [];
});

const run = (ms = 0): Promise<void> => s.store.env.clock.run(ms);

interface AskOptions {
  readonly waitMs?: number;
  readonly forUpdateTs?: Timestamp;
  readonly forceLock?: boolean;
  readonly aliveLockTs?: Timestamp;
  readonly pipelined?: boolean;
}

/** A transaction that began at `n` asks for keys as our clients do, and is ready to wait. */
function ask(n: number, keys: string[], options: AskOptions = {}) {
  const answer = s.lock(s.at(n), keys, { waitMs: 60_000, forceLock: true, ...options });
  void answer.then((text) => story.push(`T${n} ${text}`));
  return answer;
}

/** The transaction writes `value` to a key that it holds and commits at `m`. */
const commit = (n: number, m: number, value: string, k = 'a') =>
  s.finish(s.at(n), s.at(m), k, value);

describe('a lock that is handed on', () => {
  it('shows what the former holder has committed, and guards it', async () => {
    await s.lock(s.at(1), ['a']);
    void ask(2, ['a']);
    await run();
    await commit(1, 5, 'one');
    await run();
    expect(story).toEqual(['T2 ok one']);
    const { lock } = s.factsOf('a');
    expect(lock?.forUpdateTs).toBe(s.at(5));
    expect(lock?.minCommitTs).toBe(s.at(5) + 1n);
  });

  it('tells the timestamp of what it has seen, whether or not values were asked for', async () => {
    await s.lock(s.at(1), ['a']);
    await commit(1, 5, 'one');
    const options = { forceLock: true, returnValues: false };
    const { values } = await served(s.lockAnswer(s.at(2), ['a', 'b'], options));
    expect(values.map(({ conflictTs }) => conflictTs)).toEqual([s.at(5), 0n]);
    expect(fromUtf8(values[0]!.value!)).toBe('one');
    // Asked for again, since the answer was lost.
    const again = await served(s.lockAnswer(s.at(2), ['a', 'b'], options));
    expect(again.values).toEqual(values);
    const seen = { forceLock: true, forUpdateTs: s.at(5) };
    const { values: unchanged } = await served(s.lockAnswer(s.at(2), ['a'], seen));
    expect(unchanged[0]!.conflictTs).toBe(0n);
  });

  it('is a conflict for a client that does not ask for it', async () => {
    await s.lock(s.at(1), ['a']);
    void ask(2, ['a'], { forceLock: false });
    void ask(3, ['a']);
    await run();
    await commit(1, 5, 'one');
    await run();
    // The next one need not wait for it to come back.
    expect(story).toEqual(['T2 conflict', 'T3 ok one']);
  });

  it('goes to those that wait by age, and to no newcomer between two of them', async () => {
    await s.lock(s.at(1), ['a']);
    for (const n of [4, 2, 3]) void ask(n, ['a']);
    await run();
    let m = 10;
    for (const n of [1, 2, 3, 4]) {
      // Its prewrite and commit are under way, and newcomers wait for the latch behind them.
      const done = commit(n, ++m, `by ${n}`);
      void ask(n + 10, ['a'], { waitMs: 0 });
      void ask(n + 20, ['a'], { waitMs: 0, forceLock: false });
      await done;
      void ask(n + 30, ['a'], { waitMs: 0 });
      await run();
    }
    const taken = story.filter((line) => line.includes(' ok '));
    expect(taken.slice(0, 3)).toEqual(['T2 ok by 1', 'T3 ok by 2', 'T4 ok by 3']);
    expect(story.filter((line) => !line.includes(' ok ')).length).toBeGreaterThan(8);
  });

  it('is kept for whoever has the turn, while a newcomer that may wait gets in line', async () => {
    await s.lock(s.at(1), ['a']);
    void ask(2, ['a']);
    await run();
    s.store.access.held = [];
    const done = s.unlock(s.at(1), ['a']);
    await run();
    void ask(3, ['a']);
    void ask(4, ['a'], { waitMs: 0 });
    // The unlock is applied, then the lock of the next one.
    s.store.access.held.shift()!.settle('applied');
    await done;
    await run();
    s.store.access.held.shift()!.settle('applied');
    await run();
    expect(story).toEqual(['T4 lock-wait-timeout', 'T2 ok -']);
    s.store.access.held = undefined;
    await s.unlock(s.at(2), ['a']);
    await run();
    expect(story[2]).toBe('T3 ok -');
  });

  it('goes to the next one when whoever has the turn does not get it written', async () => {
    await s.lock(s.at(1), ['a']);
    void ask(2, ['a'], { pipelined: true });
    void ask(3, ['a']);
    await run();
    const { access } = s.store;
    access.held = [];
    const done = s.unlock(s.at(1), ['a']);
    await run();
    access.held.shift()!.settle('applied');
    await done;
    await run();
    access.held.shift()!.settle({ type: 'server-is-busy', reason: 'test' });
    await run();
    access.held.shift()!.settle('applied');
    await run();
    expect(story).toEqual(['T2 ok -', 'T3 ok -']);
  });

  it('is not lost with a release whose outcome nobody has heard of', async () => {
    await s.lock(s.at(1), ['a']);
    void ask(2, ['a']);
    await run();
    s.store.access.held = [];
    const done = s.unlock(s.at(1), ['a']);
    await run();
    s.store.access.held.shift()!.settle('unknown-applied');
    s.store.access.held = undefined;
    await expect(done).rejects.toThrow();
    await run(100);
    expect(story).toEqual(['T2 ok -']);
  });

  it('is for the request to fail with when the key cannot be read, not for the store', async () => {
    await s.lock(s.at(1), ['a']);
    const answer = s.lock(s.at(2), ['a'], { waitMs: 60_000, forceLock: true });
    const failed = expect(answer).rejects.toThrow('input/output error');
    await run();
    const { engine } = s.store;
    const { get } = engine;
    engine.get = () => {
      throw new KvError('INTERNAL', 'engine get: input/output error');
    };
    await run(100);
    engine.get = get;
    await failed;
  });
});

describe('a place in the queue', () => {
  it('is kept while its client looks whether the holder lives', async () => {
    await s.lock(s.at(1), ['a']);
    void ask(2, ['a']);
    await run(500);
    void ask(3, ['a']);
    await run(500);
    expect(story).toEqual(['T2 locked a']);
    // The lock goes while nobody waits for T2.
    await s.unlock(s.at(1), ['a']);
    await run(100);
    expect(story).toEqual(['T2 locked a']);
    expect(await ask(2, ['a'])).toBe('ok -');
    await s.unlock(s.at(2), ['a']);
    await run();
    expect(story).toEqual(['T2 locked a', 'T2 ok -', 'T3 ok -']);
    await run(200);
    expect(s.store.env.clock.pendingTimers).toBe(0);
  });

  it('is lost by a client that does not come back, or gives up', async () => {
    await s.lock(s.at(1), ['a']);
    void ask(2, ['a']);
    void ask(3, ['a']);
    await run(500);
    void ask(4, ['a']);
    await run(500);
    expect(story).toEqual(['T2 locked a', 'T3 locked a']);
    await s.unlock(s.at(1), ['a']);
    await run(100);
    // T2 gives up. T3 has the next turn, and does not come.
    await s.unlock(s.at(2), ['a']);
    await run(99);
    expect(story).toHaveLength(2);
    await run(1);
    expect(story[2]).toBe('T4 ok -');
  });

  it('ends with the time that its client has', async () => {
    await s.lock(s.at(1), ['a']);
    void ask(2, ['a'], { waitMs: 700 });
    void ask(3, ['a']);
    await run(700);
    expect(story).toEqual(['T2 lock-wait-timeout']);
    await s.unlock(s.at(1), ['a']);
    await run();
    expect(story[1]).toBe('T3 ok -');
  });

  it('is there for a lock that seems to have expired, if its client has seen that the holder lives', async () => {
    await s.lock(s.at(1), ['a'], { ttlMs: 1 });
    await run(1_500);
    expect(await ask(2, ['a'])).toBe('locked a');
    void ask(2, ['a'], { aliveLockTs: s.at(1) });
    await run(999);
    expect(story).toHaveLength(1);
    await s.unlock(s.at(1), ['a']);
    await run();
    expect(story[1]).toBe('T2 ok -');
  });
});

describe('deadlocks over a lock that is handed on', () => {
  it('are found among those that wait for whoever has it now', async () => {
    await s.lock(s.at(1), ['a']);
    await s.lock(s.at(4), ['b']);
    for (const n of [2, 4]) void ask(n, ['a']);
    await run();
    await commit(1, 9, 'one');
    await run();
    expect(story).toEqual(['T2 ok one']);
    void ask(2, ['b']);
    await run();
    expect(story[1]).toBe('T2 deadlock T2-b->T4 T4-a->T2');
  });

  it('are not seen where whoever has the turn gives it up for another key', async () => {
    await s.lock(s.at(1), ['a']);
    await s.lock(s.at(3), ['b']);
    // T2 wants both, and waits for `a`; so does T3, which has `b`.
    void ask(2, ['a', 'b']);
    void ask(3, ['a']);
    await run();
    await s.unlock(s.at(1), ['a']);
    await run();
    expect(story).toEqual(['T3 ok -']);
    await s.unlock(s.at(3), ['a', 'b']);
    await run();
    expect(story[1]).toBe('T2 ok - -');
  });
});

describe('a lock request that comes late', () => {
  it('does not hide from the prewrite that the first lock was lost and the key written', async () => {
    const first = { forceLock: true };
    expect(await s.lock(s.at(1), ['a'], first)).toBe('ok -');
    // The lock is taken for one of the dead, and another transaction writes the key.
    await s.unlock(s.at(1), ['a'], s.at(99));
    await s.lock(s.at(2), ['a']);
    await commit(2, 5, 'two');
    // A copy of the request arrives.
    expect(await s.lock(s.at(1), ['a'], first)).toBe('ok two');
    const mutation = { ...put('a', 'one'), isLocked: true, lockedAt: s.at(1) };
    const request = { primary: key('a'), startTs: s.at(1), ttlMs: 3_000, forUpdateTs: s.at(1) };
    const prewrite = (lockedAt: Timestamp) =>
      served(
        s.store.txn.writes.prewrite(s.context, {
          ...request,
          mutations: [{ ...mutation, lockedAt }],
        }),
      );
    expect((await prewrite(s.at(1))).errors.map(({ type }) => type)).toEqual(['abort']);
    expect((await prewrite(s.at(5))).errors).toEqual([]);
  });
});
