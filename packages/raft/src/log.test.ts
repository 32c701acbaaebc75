import { EMPTY_BYTES } from '@tinykv/base';
import { describe, expect, test } from 'vitest';
import { Log } from './log.js';
import { MemoryStorage } from './memory-storage.js';
import { emptyConfState, encodedEntryBytes } from './message.js';
import type { EntriesUnavailable } from './storage.js';
import type { Entry, Snapshot } from './types.js';

const NO_LIMIT = Number.POSITIVE_INFINITY;

function entry(index: number, term: number, bytes = 0): Entry {
  return { term, index, type: 'EntryNormal', data: new Uint8Array(bytes) };
}

function snapshot(index: number, term: number): Snapshot {
  return { data: EMPTY_BYTES, metadata: { confState: emptyConfState, index, term } };
}

/** Entries of these terms from index 1 on, of which the first `stable` are in the storage. */
function logOf(terms: readonly number[], stable = 0, maxApplyingBytes = NO_LIMIT): Log {
  const entries = terms.map((term, i) => entry(i + 1, term));
  const storage = new MemoryStorage();
  storage.append(entries.slice(0, stable));
  const log = new Log(storage, maxApplyingBytes);
  log.append(entries.slice(stable));
  return log;
}

function terms(entries: readonly Entry[] | EntriesUnavailable): unknown {
  return typeof entries === 'string' ? entries : entries.map((e) => `${e.index}/${e.term}`);
}

describe('appending what a leader sends', () => {
  const append = (index: number, logTerm: number, entries: Entry[], commit = 0) => ({
    index,
    logTerm,
    entries,
    commit,
  });

  test('refuses entries that do not follow on', () => {
    const log = logOf([1, 2, 3]);
    expect(log.maybeAppend(append(3, 2, [entry(4, 4)]))).toBeUndefined();
    expect(log.maybeAppend(append(4, 3, [entry(5, 4)]))).toBeUndefined();
    expect(log.lastIndex()).toBe(3);
  });

  test('keeps what matches and replaces what conflicts', () => {
    const log = logOf([1, 2, 3]);
    expect(log.maybeAppend(append(1, 1, [entry(2, 2)]))).toBe(2);
    expect(terms(log.allEntries())).toEqual(['1/1', '2/2', '3/3']);
    expect(log.maybeAppend(append(1, 1, [entry(2, 2), entry(3, 4), entry(4, 4)]))).toBe(4);
    expect(terms(log.allEntries())).toEqual(['1/1', '2/2', '3/4', '4/4']);
  });

  test('commits no further than what is known to match', () => {
    const log = logOf([1, 2, 3]);
    log.maybeAppend(append(2, 2, [], 3));
    expect(log.committed).toBe(2);
    log.maybeAppend(append(1, 1, [], 9));
    expect(log.committed).toBe(2);
  });

  test('a conflict with a committed entry is a broken invariant', () => {
    const log = logOf([1, 2, 3]);
    log.commitTo(2);
    expect(() => log.maybeAppend(append(1, 1, [entry(2, 4)]))).toThrow('conflicts with committed');
    expect(() => log.append([entry(2, 4)])).toThrow('would replace committed');
    expect(() => log.commitTo(4)).toThrow('beyond the last index');
  });
});

test('the hint for a rejection is the last entry of a term that may match', () => {
  const log = logOf([2, 2, 5, 5, 5]);
  expect(log.findConflictByTerm(5, 4)).toEqual({ index: 2, term: 2 });
  expect(log.findConflictByTerm(5, 5)).toEqual({ index: 5, term: 5 });
  expect(log.findConflictByTerm(4, 1)).toEqual({ index: 0, term: 0 });
  expect(log.findConflictByTerm(9, 4)).toEqual({ index: 9, term: 0 });
});

test('a log is as good as ours by its last term, then by its length', () => {
  const log = logOf([1, 2, 3]);
  expect(log.isUpToDate(1, 4)).toBe(true);
  expect(log.isUpToDate(9, 2)).toBe(false);
  expect(log.isUpToDate(2, 3)).toBe(false);
  expect(log.isUpToDate(3, 3)).toBe(true);
});

test('commits only an entry that it has in that term', () => {
  const log = logOf([1, 2, 2]);
  expect(log.maybeCommit(2, 1)).toBe(false);
  expect(log.maybeCommit(9, 0)).toBe(false);
  expect(log.maybeCommit(Number.POSITIVE_INFINITY, 2)).toBe(false);
  expect(log.maybeCommit(3, 2)).toBe(true);
  expect(log.maybeCommit(2, 2)).toBe(false);
});

describe('reading', () => {
  test('goes over the border of storage and unstable, by size', () => {
    const log = logOf([1, 1, 2, 2], 2);
    const one = encodedEntryBytes(entry(1, 1));
    expect(terms(log.slice(1, 5, NO_LIMIT))).toEqual(['1/1', '2/1', '3/2', '4/2']);
    expect(terms(log.slice(1, 5, 0))).toEqual(['1/1']);
    expect(terms(log.slice(1, 5, 2 * one))).toEqual(['1/1', '2/1']);
    expect(terms(log.slice(1, 5, 3 * one - 1))).toEqual(['1/1', '2/1']);
    expect(terms(log.slice(1, 5, 3 * one))).toEqual(['1/1', '2/1', '3/2']);
    expect(terms(log.slice(3, 5, 0))).toEqual(['3/2']);
    expect(terms(log.entries(5, NO_LIMIT))).toEqual([]);
  });

  test('says what is compacted and what is not there', () => {
    const log = logOf([1, 1, 2, 2], 3);
    (log.storage as MemoryStorage).compact(2);
    expect(log.firstIndex()).toBe(3);
    expect([1, 2, 3, 4, 5].map((i) => log.term(i))).toEqual(['compacted', 1, 2, 2, 'unavailable']);
    expect(log.slice(2, 4, NO_LIMIT)).toBe('compacted');
    expect(log.zeroTermOnOutOfBounds(log.term(5))).toBe(0);
    expect(() => log.slice(3, 6, NO_LIMIT)).toThrow('beyond the last index');
  });

  test('scans in pages and stops when told', () => {
    const log = logOf([1, 1, 2, 2, 2], 2);
    const pages: unknown[] = [];
    log.scan(1, 6, 0, (page) => {
      pages.push(terms(page));
      return pages.length < 3;
    });
    expect(pages).toEqual([['1/1'], ['2/1'], ['3/2']]);
  });
});

describe('applying', () => {
  test('hands out committed entries once, durable ones only unless allowed', () => {
    const log = logOf([1, 1, 1], 1);
    log.commitTo(3);
    expect(terms(log.nextCommittedEnts(false))).toEqual(['1/1']);
    expect(terms(log.nextCommittedEnts(true))).toEqual(['1/1', '2/1', '3/1']);
    log.acceptApplying(3, 0, true);
    expect(log.hasNextCommittedEnts(true)).toBe(false);
    log.appliedTo(3, 0);
    expect(log.applied).toBe(3);
    expect(() => log.appliedTo(2, 0)).toThrow('applied 2 < applied 3');
  });

  test('pauses while too many bytes are out', () => {
    const log = new Log(new MemoryStorage(), 100);
    log.append([entry(1, 1, 80), entry(2, 1, 80), entry(3, 1, 10)]);
    log.commitTo(3);
    expect(terms(log.nextCommittedEnts(true))).toEqual(['1/1']);
    log.acceptApplying(1, 80, true);
    // The next one did not fit with it: it waits, although there is some room.
    expect(log.hasNextCommittedEnts(true)).toBe(false);
    log.appliedTo(1, 80);
    expect(terms(log.nextCommittedEnts(true))).toEqual(['2/1', '3/1']);
  });

  test('waits for a snapshot that precedes the entries', () => {
    const log = logOf([1]);
    log.restore(snapshot(5, 2));
    log.append([entry(6, 2)]);
    log.commitTo(6);
    expect(log.firstIndex()).toBe(6);
    expect(log.hasNextCommittedEnts(true)).toBe(false);
    log.acceptUnstable();
    expect(log.hasNextUnstableSnapshot()).toBe(false);
    expect(log.hasNextOrInProgressSnapshot()).toBe(true);
    log.stableSnapTo(5);
    log.appliedTo(5, 0);
    expect(terms(log.nextCommittedEnts(true))).toEqual(['6/2']);
  });

  test('does not ask again while entries are being fetched', () => {
    const storage = new MemoryStorage();
    storage.append([entry(1, 1), entry(2, 1)]);
    const read = storage.entries.bind(storage);
    let loaded = false;
    storage.entries = (low, high, maxBytes) => (loaded ? read(low, high, maxBytes) : 'loading');
    const log = new Log(storage, NO_LIMIT);
    log.commitTo(2);
    expect(log.hasNextCommittedEnts(true)).toBe(true);
    expect(log.nextCommittedEnts(true)).toEqual([]);
    expect(log.hasNextCommittedEnts(true)).toBe(false);
    expect(log.entries(1, NO_LIMIT)).toBe('loading');
    loaded = true;
    log.entriesLoaded();
    expect(terms(log.nextCommittedEnts(true))).toEqual(['1/1', '2/1']);
  });
});
