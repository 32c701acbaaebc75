import { EMPTY_BYTES, utf8 } from '@tinykv/base';
import { expect, test } from 'vitest';
import { MemoryStorage } from './memory-storage.js';
import { emptyConfState } from './message.js';
import type { Entry } from './types.js';

function entries(first: number, ...terms: number[]): Entry[] {
  return terms.map((term, i) => ({
    term,
    index: first + i,
    type: 'EntryNormal',
    data: EMPTY_BYTES,
  }));
}

test('appended entries replace those at and after the first', () => {
  const storage = new MemoryStorage();
  storage.append(entries(1, 1, 1, 1));
  storage.append(entries(2, 2));
  expect(storage.lastIndex()).toBe(2);
  expect(storage.term(2)).toBe(2);
  expect(storage.term(3)).toBe('unavailable');
  expect(() => storage.append(entries(4, 2))).toThrow('leaves a gap');
});

test('compacted entries leave the term of the last one behind', () => {
  const storage = new MemoryStorage();
  storage.append(entries(1, 1, 2, 3));
  expect(storage.compact(2)).toBe(true);
  expect(storage.compact(2)).toBe(false);
  expect([0, 1, 2, 3].map((i) => storage.term(i))).toEqual(['compacted', 'compacted', 2, 3]);
  expect(storage.entries(2, 4, 1)).toBe('compacted');
  storage.append(entries(1, 1, 2, 3, 3));
  expect(storage.firstIndex()).toBe(3);
  expect(storage.lastIndex()).toBe(4);
});

test('a snapshot replaces the log, unless it is old', () => {
  const storage = new MemoryStorage();
  expect(storage.snapshot()).toBeUndefined();
  storage.append(entries(1, 1, 1));
  const confState = { ...emptyConfState, voters: [1] };
  const made = storage.createSnapshot(2, confState, utf8('state'));
  expect(made?.metadata).toEqual({ confState, index: 2, term: 1 });
  expect(storage.createSnapshot(2, confState, EMPTY_BYTES)).toBeUndefined();
  expect(storage.initialState().confState).toEqual(confState);
  expect(storage.lastIndex()).toBe(2);

  const received = { data: EMPTY_BYTES, metadata: { confState, index: 9, term: 4 } };
  expect(storage.applySnapshot(received)).toBe(true);
  expect(storage.applySnapshot(received)).toBe(false);
  expect([storage.firstIndex(), storage.lastIndex(), storage.term(9)]).toEqual([10, 9, 4]);
});
