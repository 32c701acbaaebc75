import { EMPTY_BYTES } from '@tinykv/base';
import { describe, expect, test } from 'vitest';
import { emptyConfState } from './message.js';
import type { Entry, Snapshot } from './types.js';
import { Unstable } from './unstable.js';

function entries(first: number, ...terms: number[]): Entry[] {
  return terms.map((term, i) => ({
    term,
    index: first + i,
    type: 'EntryNormal',
    data: EMPTY_BYTES,
  }));
}

function unstable(first: number, ...terms: number[]): Unstable {
  const made = new Unstable(first);
  made.truncateAndAppend(entries(first, ...terms));
  return made;
}

const snapshot: Snapshot = {
  data: EMPTY_BYTES,
  metadata: { confState: emptyConfState, index: 4, term: 1 },
};

function state(u: Unstable): unknown {
  const shown = u.entries.map((e) => `${e.index}/${e.term}`).join(' ');
  return { entries: shown, offset: u.offset, offsetInProgress: u.offsetInProgress };
}

describe('entries on their way to the disk', () => {
  test('are handed out once, and leave when they are durable', () => {
    const tail = unstable(5, 1, 1);
    tail.acceptInProgress();
    tail.truncateAndAppend(entries(7, 1));
    expect(tail.nextEntries().map((e) => e.index)).toEqual([7]);
    tail.stableTo(6, 1);
    expect(state(tail)).toEqual({ entries: '7/1', offset: 7, offsetInProgress: 7 });
    tail.acceptInProgress();
    expect(tail.hasNextEntries()).toBe(false);
    tail.stableTo(7, 1);
    expect(state(tail)).toEqual({ entries: '', offset: 8, offsetInProgress: 8 });
  });

  test('that were replaced are written again', () => {
    const tail = unstable(5, 1, 1, 1);
    tail.acceptInProgress();
    tail.truncateAndAppend(entries(6, 2));
    expect(state(tail)).toEqual({ entries: '5/1 6/2', offset: 5, offsetInProgress: 6 });
    tail.truncateAndAppend(entries(4, 3, 3));
    expect(state(tail)).toEqual({ entries: '4/3 5/3', offset: 4, offsetInProgress: 4 });
  });

  test('an answer about another term or place says nothing', () => {
    const tail = unstable(5, 2, 2);
    const before = state(tail);
    tail.stableTo(6, 1);
    tail.stableTo(7, 2);
    tail.stableTo(4, 2);
    expect(state(tail)).toEqual(before);
  });

  test('a gap is a broken invariant', () => {
    expect(() => unstable(5, 1).truncateAndAppend(entries(7, 1))).toThrow('leaves a gap');
    expect(() => unstable(5, 1).slice(4, 6)).toThrow('is out of');
  });

  test('what was handed out does not change under later appends', () => {
    const tail = unstable(5, 1, 1);
    const handedOut = tail.nextEntries();
    tail.truncateAndAppend(entries(6, 2, 2));
    expect(handedOut.map((e) => e.term)).toEqual([1, 1]);
  });
});

test('a snapshot stands before the entries until it is durable', () => {
  const tail = unstable(2, 1);
  tail.restore(snapshot);
  expect(tail.maybeFirstIndex()).toBe(5);
  expect(tail.maybeLastIndex()).toBe(4);
  expect(tail.maybeTerm(4)).toBe(1);
  expect(tail.nextSnapshot()).toBe(snapshot);
  tail.acceptInProgress();
  expect(tail.nextSnapshot()).toBeUndefined();
  tail.stableSnapTo(3);
  expect(tail.snapshot).toBe(snapshot);
  tail.stableSnapTo(4);
  expect(tail.snapshot).toBeUndefined();
  expect(tail.maybeLastIndex()).toBeUndefined();
});
