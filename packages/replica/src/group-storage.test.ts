import { limits, MemoryBudget } from '@tinykv/base';
import type { ConfState, Entry } from '@tinykv/raft';
import { describe, expect, it } from 'vitest';
import { emptyGroupState, GroupStorage, recoveredState } from './group-storage.js';

const conf: ConfState = {
  voters: [1],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
};

function entries(first: number, terms: readonly number[], bytes = 4): Entry[] {
  return terms.map((term, i) => ({
    term,
    index: first + i,
    type: 'EntryNormal',
    data: new Uint8Array(bytes),
  }));
}

function storage(budget?: MemoryBudget): GroupStorage {
  const state = emptyGroupState({ term: 5, vote: 0, commit: 5 }, { index: 5, term: 5 });
  return new GroupStorage(state, conf, () => undefined, budget);
}

describe('group storage', () => {
  it('knows terms and entries of what was appended', () => {
    const s = storage();
    s.append(entries(6, [5, 6, 6]));
    expect([s.firstIndex(), s.lastIndex()]).toEqual([6, 8]);
    expect([4, 5, 6, 7, 8, 9].map((i) => s.term(i))).toEqual([
      'compacted',
      5,
      5,
      6,
      6,
      'unavailable',
    ]);
    expect(s.entries(6, 9, 1_000_000)).toHaveLength(3);
    expect(s.entries(5, 9, 1_000_000)).toBe('compacted');
    expect(s.entries(6, 10, 1_000_000)).toBe('unavailable');
  });

  it('gives at least one entry, however small the limit', () => {
    const s = storage();
    s.append(entries(6, [5, 5], 1000));
    expect(s.entries(6, 8, 1)).toHaveLength(1);
  });

  it('replaces a tail, and its terms with it', () => {
    const s = storage();
    s.append(entries(6, [5, 6, 6]));
    s.append(entries(7, [7]));
    expect(s.lastIndex()).toBe(7);
    expect([s.term(6), s.term(7), s.term(8)]).toEqual([5, 7, 'unavailable']);
  });

  it('gives a snapshot in the place of entries that the disk has lost, until they are replaced', () => {
    const s = storage();
    const big = Math.ceil(limits.entryCacheBytesMax / 4);
    s.append(entries(6, [5, 5, 5, 5, 5, 5], big));
    s.evict(11);
    expect(s.entries(6, 12, 1)).toBe('loading');
    s.loseThrough(11);
    expect(s.entries(6, 12, 1)).toBe('compacted');
    // What is cached is there all the same.
    expect(s.entries(11, 12, 1)).toHaveLength(1);
    expect(s.unreadable).toBeLessThan(11);
    s.append(entries(7, [6]));
    expect(s.entries(7, 8, 1)).toHaveLength(1);
    expect(s.unreadable).toBe(6);
  });

  it('refuses a gap', () => {
    expect(() => storage().append(entries(8, [5]))).toThrow(/append at 8/);
  });

  it('forgets up to a point and keeps the term of the point', () => {
    const s = storage();
    s.append(entries(6, [5, 6, 6, 7]));
    expect(s.truncate(7)).toEqual({ index: 7, term: 6 });
    expect([s.firstIndex(), s.term(7), s.term(8), s.term(9)]).toEqual([8, 6, 6, 7]);
    expect(s.entries(7, 9, 1000)).toBe('compacted');
    expect(s.entries(8, 10, 1000)).toHaveLength(2);
  });

  it('answers loading for entries that only the disk has, then gives what was fetched', () => {
    const s = storage();
    const size = 1_000_000;
    const all = entries(6, Array(10).fill(5), size);
    s.append(all);
    expect(10 * size).toBeGreaterThan(limits.entryCacheBytesMax);
    s.evict(15);
    expect(s.entries(6, 8, size)).toBe('loading');
    expect(s.wanted?.low).toBe(6);
    s.addFetched(all.slice(0, 2));
    expect(s.entries(6, 8, 10 * size)).toHaveLength(2);
  });

  it('never evicts what is not applied', () => {
    const s = storage();
    s.append(entries(6, Array(10).fill(5), 1_000_000));
    s.evict(7);
    expect(s.entries(8, 16, 100_000_000)).toHaveLength(8);
  });

  it('drops fetched entries that were replaced meanwhile', () => {
    const s = storage();
    const old = entries(6, Array(10).fill(5), 1_000_000);
    s.append(old);
    s.evict(15);
    s.append(entries(6, [7]));
    s.addFetched(old.slice(0, 1));
    expect((s.entries(6, 7, 10) as Entry[])[0]?.term).toBe(7);
  });

  it('counts what it holds in the budget, from the way to the disk to the end', () => {
    const budget = new MemoryBudget(1_000_000);
    const s = storage(budget);
    const [size, count] = [1_000, 20];
    const all = entries(6, Array(count).fill(5), size);
    s.writing(all);
    const held = budget.used;
    expect(held).toBeGreaterThanOrEqual(count * size);
    s.append(all);
    expect(budget.used).toBe(held);
    s.trim(15);
    expect(budget.used).toBe(held / 2);
    s.addFetched(all.slice(0, 5));
    expect(budget.used).toBe((held * 3) / 4);
    s.append(entries(25, [7], size));
    expect(budget.used).toBe(held / 2);
    s.release();
    expect(budget.used).toBe(0);
  });

  it('drops what a lagging follower asked for once it asks no more', () => {
    const budget = new MemoryBudget(1_000_000);
    const s = storage(budget);
    const all = entries(6, [5, 5, 5], 1_000);
    s.append(all);
    s.trim(8);
    expect(budget.used).toBe(0);
    s.addFetched(all);
    s.trim(8);
    expect(s.entries(6, 8, 1e6)).toHaveLength(2);
    s.trim(8);
    expect(s.entries(6, 8, 1e6)).toHaveLength(2);
    s.trim(8);
    s.trim(8);
    expect(budget.used).toBe(0);
    expect(s.entries(6, 8, 1e6)).toBe('loading');
  });

  it('keeps no applied entries once the budget of all groups is tight', () => {
    const budget = new MemoryBudget(100_000);
    const [one, other] = [storage(budget), storage(budget)];
    one.append(entries(6, Array(30).fill(5), 1_000));
    one.evict(35);
    expect(one.caches(35)).toBe(true);
    other.append(entries(6, Array(30).fill(5), 1_000));
    expect(budget.isTight).toBe(true);
    other.evict(20);
    one.evict(35);
    expect([one.caches(35), other.caches(20), other.caches(21)]).toEqual([false, false, true]);
    expect(budget.isTight).toBe(false);
  });

  it('keeps an entry that was proposed here once, in its encoded form', () => {
    const s = storage();
    const [proposed] = entries(6, [5], 50_000);
    s.append([proposed!]);
    const [kept] = s.entries(6, 7, 1e6) as Entry[];
    expect(kept!.data.buffer).toBe(kept!.encoded!.buffer);
    expect(kept!.encoded!.buffer.byteLength).toBeLessThan(50_100);
    expect(kept!.data).toEqual(proposed!.data);
  });

  it('begins anew behind a snapshot', () => {
    const s = storage();
    s.append(entries(6, [5, 5]));
    s.reset({ index: 20, term: 8 }, conf);
    expect([s.firstIndex(), s.lastIndex(), s.term(20), s.term(7)]).toEqual([
      21,
      20,
      8,
      'compacted',
    ]);
    s.append(entries(21, [8]));
    expect(s.lastIndex()).toBe(21);
  });
});

describe('recovered state', () => {
  const recovered = {
    group: 1,
    hardState: { term: 6, vote: 1, commit: 7 },
    truncated: { index: 5, term: 5 },
    lastIndex: 9,
    durableApplied: 8,
    termRuns: [{ first: 6, term: 6 }],
  };

  it('commits at least what is durably applied', () => {
    expect(recoveredState(recovered, 0).hardState.commit).toBe(8);
    expect(recoveredState(recovered, 9)).toMatchObject({ durableApplied: 9 });
  });

  it('refuses a state machine that is ahead of the log', () => {
    expect(() => recoveredState(recovered, 10)).toThrow(/committed 10 > last index 9/);
  });
});
