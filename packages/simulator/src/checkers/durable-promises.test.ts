import { describe, expect, it } from 'vitest';
import { DurablePromises, type RaftPromise } from './durable-promises.js';

function entry(index: number, term: number) {
  return { index, term, digest: `${term}/${index}` };
}

function replica(): DurablePromises {
  const promises = new DurablePromises();
  promises.onDurable(1, {
    region: 9,
    entries: [entry(1, 2), entry(2, 2), entry(3, 2)],
    hardState: { term: 2, vote: 7, commit: 0 },
  });
  return promises;
}

function kinds(promises: DurablePromises): string[] {
  return promises.violations().map(({ message }) => message.slice(0, message.indexOf(':')));
}

describe('promises of a replica', () => {
  it.each<readonly [string, RaftPromise, readonly string[]]>([
    ['the last durable entry', { type: 'ack', term: 2, index: 3 }, []],
    ['an entry behind it', { type: 'ack', term: 2, index: 4 }, ['append ack']],
    ['an entry in a term that is not durable', { type: 'ack', term: 3, index: 3 }, ['append ack']],
    ['what a later term may have replaced', { type: 'ack', term: 1, index: 9 }, []],
    ['its durable vote', { type: 'vote', term: 2, to: 7 }, []],
    ['another vote in that term', { type: 'vote', term: 2, to: 8 }, ['vote']],
    ['a vote in a term that is not durable', { type: 'vote', term: 3, to: 7 }, ['vote']],
  ])('%s', (_name, promise, found) => {
    const promises = replica();
    promises.onSent(1, 9, promise);
    expect(kinds(promises)).toEqual(found);
  });

  it('hold no longer than the log that a crash leaves', () => {
    const promises = replica();
    promises.onRecovered(1, [{ region: 9, term: 2, vote: 7, lastIndex: 2 }]);
    promises.onSent(1, 9, { type: 'ack', term: 2, index: 3 });
    expect(kinds(promises)).toEqual(['append ack']);
  });

  it('count a snapshot for the entries before it, and shrink with a log that is cut', () => {
    const promises = replica();
    promises.onDurable(1, { region: 9, reset: { index: 20, term: 2 } });
    promises.onSent(1, 9, { type: 'ack', term: 2, index: 20 });
    expect(kinds(promises)).toEqual([]);
    promises.onDurable(1, {
      region: 9,
      entries: [entry(15, 3)],
      hardState: { term: 3, vote: 0, commit: 0 },
    });
    promises.onSent(1, 9, { type: 'ack', term: 3, index: 16 });
    expect(kinds(promises)).toEqual(['append ack']);
  });

  it('end with the replica', () => {
    const promises = replica();
    promises.onDurable(1, { region: 9, destroy: true });
    promises.onSent(1, 9, { type: 'ack', term: 2, index: 30 });
    expect(kinds(promises)).toEqual([]);
  });
});

describe('what else must be durable', () => {
  it('entries that a log forgets are applied durably', () => {
    const promises = new DurablePromises();
    promises.onApplied(1, 9, 5, 5);
    expect(kinds(promises)).toEqual([]);
    promises.onApplied(1, 9, 5, 4);
    expect(kinds(promises)).toEqual(['applied']);
  });

  it('an append is synced when it ends', () => {
    const promises = new DurablePromises();
    promises.onUnsynced('store-1', 1);
    expect(kinds(promises)).toEqual(['unsynced append']);
  });

  it('timestamps are below the saved bound', () => {
    const promises = new DurablePromises();
    promises.onTsoBound(1_000);
    promises.onTimestamps(999);
    expect(kinds(promises)).toEqual([]);
    promises.onTimestamps(1_000);
    expect(kinds(promises)).toEqual(['timestamp']);
  });
});
