import { beforeEach, describe, expect, it } from 'vitest';
import { PessimisticSession } from './pessimistic-session.js';

let s: PessimisticSession;
/** What ended, in the order in which it did. */
let story: string[];

beforeEach(() => {
  s = new PessimisticSession();
  story = [];
});

const run = (ms = 0): Promise<void> => s.store.env.clock.run(ms);

/** A transaction that began at `n` asks for keys, and is ready to wait. */
function ask(n: number, keys: string[], options: { waitMs?: number; forUpdateTs?: bigint } = {}) {
  const answer = s.lock(s.at(n), keys, { waitMs: 900, ...options });
  void answer.then((text) => story.push(`T${n} ${text}`));
  return answer;
}

describe('a request that meets a lock', () => {
  it('is answered when the lock goes by a commit, with the conflict', async () => {
    await s.lock(s.at(1), ['a']);
    void ask(2, ['a']);
    await run(300);
    expect(story).toEqual([]);
    await s.finish(s.at(1), s.at(5), 'a', 'one');
    await run();
    expect(story).toEqual(['T2 conflict']);
  });

  it('takes the lock when it goes otherwise', async () => {
    await s.lock(s.at(1), ['a']);
    void ask(2, ['a']);
    await run();
    await s.unlock(s.at(1), ['a']);
    await run();
    // A rollback leaves a record: who has not seen it comes back with a newer timestamp.
    void ask(4, ['a'], { forUpdateTs: s.at(9) });
    await run();
    await s.rollback(s.at(2), 'a');
    await run();
    expect(story).toEqual(['T2 ok -', 'T4 ok -']);
  });

  it('may wait for a lock that is resolved, or that a commit at a timestamp it has seen removes', async () => {
    await s.lock(s.at(1), ['a']);
    void ask(2, ['a'], { forUpdateTs: s.at(9) });
    await run();
    await s.finish(s.at(1), s.at(5), 'a', 'one');
    await run();
    expect(story).toEqual(['T2 ok one']);
    void ask(3, ['a'], { forUpdateTs: s.at(9) });
    await run();
    await s.resolve(s.at(2), 0n);
    await run();
    expect(story).toEqual(['T2 ok one', 'T3 ok one']);
  });

  it('waits no longer than it said', async () => {
    await s.lock(s.at(1), ['a']);
    void ask(2, ['a'], { waitMs: 200 });
    await run(199);
    expect(story).toEqual([]);
    await run(1);
    expect(story).toEqual(['T2 lock-wait-timeout']);
  });

  it('is told who holds the lock when its client ought to see whether that one lives', async () => {
    await s.lock(s.at(1), ['a']);
    void ask(2, ['a'], { waitMs: 60_000 });
    await run(999);
    expect(story).toEqual([]);
    await run(1);
    expect(story).toEqual(['T2 locked a']);
    // Of a lock that has expired nobody expects that it goes by itself.
    await s.lock(s.at(3), ['b'], { ttlMs: 1_050 });
    void ask(4, ['b']);
    await run(49);
    expect(story).toHaveLength(1);
    await run(10);
    expect(story[1]).toBe('T4 locked b');
  });

  it('does not wait when it must not', async () => {
    await s.lock(s.at(1), ['a']);
    expect(await s.lock(s.at(2), ['a'], { waitMs: 0 })).toBe('locked a');
  });

  it('ends when its transaction gives up, and takes nothing afterwards', async () => {
    await s.lock(s.at(1), ['a']);
    void ask(2, ['a']);
    await run();
    await s.unlock(s.at(2), ['a']);
    await run();
    expect(story).toEqual(['T2 abort']);
    await s.unlock(s.at(1), ['a']);
    expect(await s.lock(s.at(3), ['a'])).toBe('ok -');
  });
});

describe('the queue of a key', () => {
  it('wakes the oldest transaction first, whoever came first', async () => {
    await s.lock(s.at(1), ['a']);
    for (const n of [5, 3, 4]) void ask(n, ['a']);
    await run();
    for (const holder of [1, 3, 4]) {
      await s.unlock(s.at(holder), ['a'], s.at(9));
      await run();
    }
    expect(story).toEqual(['T3 ok -', 'T4 ok -', 'T5 ok -']);
  });

  it('goes on, a little later, when who was woken does not take the lock', async () => {
    await s.lock(s.at(1), ['a']);
    void ask(3, ['a']);
    void ask(2, ['a']);
    await run();
    await s.finish(s.at(1), s.at(5), 'a', 'one');
    await run(19);
    expect(story).toEqual(['T2 conflict']);
    // Meanwhile its client comes back with a newer timestamp: the other one goes on waiting, for it.
    void ask(2, ['a'], { forUpdateTs: s.at(9) });
    await run(100);
    expect(story).toEqual(['T2 conflict', 'T2 ok one']);
    await s.unlock(s.at(2), ['a'], s.at(9));
    await run(20);
    expect(story[2]).toBe('T3 conflict');
  });

  it('goes on when who was woken waits for another key', async () => {
    await s.lock(s.at(1), ['a']);
    await s.lock(s.at(2), ['b']);
    void ask(3, ['a', 'b']);
    void ask(4, ['a']);
    await run();
    await s.unlock(s.at(1), ['a']);
    await run(20);
    expect(story).toEqual(['T4 ok -']);
  });
});

describe('a deadlock', () => {
  it('is told to the transaction that closes it, with the cycle', async () => {
    for (const [n, k] of [
      [1, 'a'],
      [2, 'b'],
      [3, 'c'],
    ] as const)
      await s.lock(s.at(n), [k]);
    void ask(1, ['b']);
    void ask(2, ['c']);
    await run();
    void ask(3, ['a']);
    await run();
    expect(story).toEqual(['T3 deadlock T3-a->T1 T1-b->T2 T2-c->T3']);
    // It gives way, and the others go on.
    await s.unlock(s.at(3), ['c']);
    await run();
    expect(story[1]).toBe('T2 ok -');
  });

  it('is seen when the lock that is waited for changes hands', async () => {
    await s.lock(s.at(1), ['a']);
    await s.lock(s.at(3), ['b']);
    void ask(2, ['a']);
    void ask(3, ['a']);
    await run();
    await s.unlock(s.at(1), ['a']);
    await run();
    expect(story).toEqual(['T2 ok -']);
    // T3 waits for T2 by now.
    void ask(2, ['b']);
    await run();
    expect(story[1]).toBe('T2 deadlock T2-b->T3 T3-a->T2');
  });

  it('is not seen in waits that are over', async () => {
    await s.lock(s.at(1), ['a']);
    await s.lock(s.at(2), ['b']);
    void ask(1, ['b'], { waitMs: 100 });
    await run(100);
    void ask(2, ['a'], { waitMs: 100 });
    await run(100);
    expect(story).toEqual(['T1 lock-wait-timeout', 'T2 lock-wait-timeout']);
  });
});

describe('a leader that is deposed', () => {
  it('sends away who waits, since it will not see the lock go', async () => {
    await s.lock(s.at(1), ['a']);
    void ask(2, ['a']);
    await run();
    s.store.access.term += 1;
    await run(100);
    expect(story).toEqual(['T2 refused stale-command']);
    await run(100);
    expect(s.store.env.clock.pendingTimers).toBe(0);
  });
});
