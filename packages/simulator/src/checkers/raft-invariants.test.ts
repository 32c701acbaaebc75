import { describe, expect, it } from 'vitest';
import { type PeerStatus, RaftInvariants } from './raft-invariants.js';
import type { LogChange, LogEntry } from './replica-log.js';

const REGION = 7;

/** `3/12` is the entry of term 3 at index 12; another digest makes it another entry. */
function entry(text: string, digest = `d${text}`): LogEntry {
  const [term, index] = text.split('/').map(Number) as [number, number];
  return { term, index, digest };
}

class Watched {
  readonly raft = new RaftInvariants();

  /** Entries become durable on a store, with the term and commit index at that time. */
  append(store: number, entries: readonly LogEntry[], term: number, commit = 0): this {
    return this.change(store, { entries, hardState: { term, vote: 0, commit } });
  }

  change(store: number, change: Omit<LogChange, 'region'>): this {
    this.raft.onDurable(store, { region: REGION, ...change });
    return this;
  }

  status(store: number, status: Partial<PeerStatus>): this {
    const base = { region: REGION, store, peer: store, life: 1, isLeader: false };
    this.raft.onStatus({ ...base, term: 1, committed: 0, applied: 0, ...status });
    return this;
  }

  lead(store: number, term: number): this {
    return this.status(store, { term, isLeader: true });
  }

  get kinds(): string[] {
    return this.raft.violations().map(({ message }) => message.split(':')[0]!);
  }
}

const log = [entry('1/1'), entry('1/2'), entry('2/3')];

describe('a snapshot', () => {
  it('takes a replica forward, and a new peer anywhere', () => {
    const watched = new Watched();
    watched.append(2, log, 2, 3).change(2, { reset: { index: 4, term: 2 } });
    watched.change(2, { destroy: true }).change(2, { reset: { index: 1, term: 1 } });
    expect(watched.kinds).toEqual([]);
  });

  it('is convicted when it takes a replica behind what it knew to be committed', () => {
    const watched = new Watched();
    watched.append(2, log, 2, 3).change(2, { reset: { index: 2, term: 1 } });
    expect(watched.kinds).toEqual(['old snapshot']);
  });
});

describe('changes of members', () => {
  it('pass one after the other, and over one that another leader left behind', () => {
    const watched = new Watched();
    watched.append(1, log, 2, 3);
    watched.raft.onConfChange(REGION, 1, { index: 2, term: 1 }, 1);
    watched.raft.onConfChange(REGION, 1, { index: 3, term: 2 }, 2);
    watched.raft.onConfChange(REGION, 2, { index: 4, term: 2 }, 3);
    watched.append(1, [entry('3/4'), entry('3/5')], 3, 3);
    watched.raft.onConfChange(REGION, 1, { index: 5, term: 3 }, 3);
    expect(watched.kinds).toEqual([]);
  });

  it('are convicted when the last one is not applied', () => {
    const watched = new Watched();
    watched.append(1, log, 2, 3);
    watched.raft.onConfChange(REGION, 1, { index: 2, term: 1 }, 1);
    watched.raft.onConfChange(REGION, 1, { index: 3, term: 2 }, 1);
    expect(watched.kinds).toEqual(['overlapping changes']);
  });
});

describe('a write that its client sends once', () => {
  const once = (text: string): LogEntry => ({ ...entry(text), once: ['<v1>'] });

  it('passes when all replicas have it at one index, and when a copy is replaced before it is committed', () => {
    const watched = new Watched();
    for (const store of [1, 2, 3]) watched.append(store, [once('1/1')], 1, 1);
    watched.append(1, [once('1/2')], 1, 1).append(1, [entry('2/2')], 2, 2);
    watched.append(2, [entry('2/2')], 2, 2).lead(2, 2);
    expect(watched.kinds).toEqual([]);
  });

  it('is convicted when it is committed at two indexes', () => {
    const watched = new Watched();
    watched.append(1, [once('1/1'), once('1/2')], 1, 2);
    expect(watched.kinds).toEqual(['sent once']);
  });
});

describe('replicas', () => {
  it('pass when they agree', () => {
    const watched = new Watched();
    for (const store of [1, 2, 3]) watched.append(store, log, 2, 3);
    watched.lead(1, 2).status(2, { term: 2, committed: 3, applied: 3 });
    expect(watched.kinds).toEqual([]);
  });

  it('pass when what was not committed is replaced', () => {
    const watched = new Watched();
    watched.append(1, log, 2, 2).append(2, log.slice(0, 2), 2, 2);
    watched.append(2, [entry('3/3')], 3, 2).lead(2, 3);
    watched.append(1, [entry('3/3'), entry('3/4')], 3, 4);
    expect(watched.kinds).toEqual([]);
  });

  it('pass when a log begins at a snapshot and its beginning is dropped', () => {
    const watched = new Watched();
    watched.append(1, log, 2, 3).change(1, { truncate: { index: 2, term: 1 } });
    watched.change(2, { reset: { index: 3, term: 2 }, hardState: { term: 2, vote: 0, commit: 3 } });
    watched.append(1, [entry('2/4')], 2, 4).append(2, [entry('2/4')], 2, 4);
    watched.lead(2, 2);
    expect(watched.kinds).toEqual([]);
  });

  it('pass when a process loses what was not durable, and when a peer makes place for another', () => {
    const watched = new Watched();
    watched.status(1, { term: 4, committed: 9, applied: 9 });
    watched.status(1, { life: 2, term: 3, committed: 5, applied: 5 });
    watched.status(1, { life: 2, peer: 8, term: 0 });
    watched.append(2, log, 5, 3).change(2, { destroy: true }).append(2, log, 2, 3);
    expect(watched.kinds).toEqual([]);
  });
});

describe('replicas are convicted', () => {
  it('of two leaders in a term, at whatever time', () => {
    expect(new Watched().lead(1, 4).lead(2, 5).lead(3, 4).kinds).toEqual(['two leaders']);
  });

  it('of two votes in a term', () => {
    const vote = (peer: number): Omit<LogChange, 'region'> => ({
      hardState: { term: 4, vote: peer, commit: 0 },
    });
    expect(new Watched().change(1, vote(0)).change(1, vote(2)).change(1, vote(2)).kinds).toEqual(
      [],
    );
    expect(new Watched().change(1, vote(2)).change(1, vote(3)).kinds).toEqual(['vote']);
    expect(new Watched().change(1, vote(2)).change(1, vote(0)).kinds).toEqual(['vote']);
  });

  it('of a term that goes back in the log, even across a crash', () => {
    expect(new Watched().append(1, [], 4).append(1, [], 3).kinds).toEqual(['term']);
    expect(new Watched().append(1, [], 4).status(1, { life: 2, term: 3 }).kinds).toEqual(['term']);
  });

  it('of a term or an index that goes back in one life', () => {
    for (const what of ['term', 'committed', 'applied'] as const) {
      const high = { term: 9, committed: 9, applied: 9 };
      const watched = new Watched().status(1, high).status(1, { ...high, [what]: 8 });
      expect(watched.kinds).toContain(what);
    }
  });

  it('of a commit index that goes back in the log', () => {
    expect(new Watched().append(1, log, 2, 3).append(1, [], 2, 2).kinds).toEqual(['commit']);
  });

  it('of applying what is not committed', () => {
    expect(new Watched().status(1, { committed: 4, applied: 5 }).kinds).toEqual(['applied']);
  });

  it('of two entries with the same term and index', () => {
    const watched = new Watched()
      .append(1, [entry('1/1', 'a')], 1)
      .append(2, [entry('1/1', 'b')], 1);
    expect(watched.kinds).toEqual(['log matching']);
  });

  it('of equal entries after unequal ones', () => {
    const watched = new Watched();
    watched.append(1, [entry('1/1'), entry('3/2')], 3).append(2, [entry('2/1'), entry('3/2')], 3);
    expect(watched.kinds).toEqual(['log matching']);
  });

  it('of committing different entries at one index', () => {
    const watched = new Watched();
    watched.append(1, [entry('1/1'), entry('1/2')], 1, 2);
    watched.append(2, [entry('1/1'), entry('2/2')], 2, 2);
    expect(watched.kinds).toEqual(['state machine safety']);
    expect(watched.raft.violations()[0]).toMatchObject({
      oracle: 'raft',
      message: 'state machine safety: region 7 has committed two entries at index 2',
      history: [
        '1/2 d1/2: known in term 1 by region 7 on store 1',
        '2/2 d2/2: known in term 2 by region 7 on store 2',
      ],
    });
  });

  it('of applying different entries at one index, though no commit index is durable', () => {
    const watched = new Watched();
    watched.append(1, [entry('1/1')], 1).append(2, [entry('2/1')], 2);
    watched.status(1, { committed: 1, applied: 1 });
    watched.status(2, { term: 2, committed: 1, applied: 1 });
    expect(watched.kinds).toEqual(['state machine safety']);
  });

  it('of a snapshot that ends in another entry than was committed', () => {
    const watched = new Watched().append(1, log, 2, 3);
    watched.change(2, { reset: { index: 3, term: 1 }, hardState: { term: 2, vote: 0, commit: 3 } });
    expect(watched.kinds).toEqual(['state machine safety']);
  });

  it('of dropping the log before what was committed otherwise', () => {
    const watched = new Watched().append(1, log, 2, 3).append(2, [entry('1/1'), entry('3/2')], 3);
    watched.change(2, { truncate: { index: 2, term: 3 } });
    expect(watched.kinds).toEqual(['state machine safety']);
  });

  it('of replacing an entry that was known to be committed', () => {
    const watched = new Watched().append(1, log, 2, 3).append(1, [entry('3/3')], 3, 3);
    expect(watched.kinds).toContain('committed entry');
  });

  it('of a log that is cut where nothing conflicts', () => {
    const watched = new Watched().append(1, log, 2).append(1, log.slice(0, 2), 2);
    expect(watched.kinds).toEqual(['cut']);
    const message = watched.raft.violations()[0]?.message;
    expect(message).toContain('gave up entries 3 to 3, with which nothing conflicted');
    // The same entries again, or a conflict, cut nothing that they should not.
    expect(new Watched().append(1, log, 2).append(1, log.slice(1), 2).kinds).toEqual([]);
  });

  it('of a leader without what was committed before its term', () => {
    const watched = new Watched().append(1, log, 2, 3).append(2, log.slice(0, 2), 3).lead(2, 3);
    expect(watched.kinds).toEqual(['leader completeness']);
    const other = new Watched().append(1, log, 2, 3);
    other.append(2, [...log.slice(0, 2), entry('1/3')], 3).lead(2, 3);
    expect(other.kinds).toEqual(['leader completeness']);
  });

  it('but not of an old leader without what was committed after it', () => {
    const watched = new Watched().append(2, log.slice(0, 2), 3).lead(2, 3);
    watched.append(1, [...log.slice(0, 2), entry('1/3')], 4, 3).lead(2, 3);
    expect(watched.kinds).toEqual([]);
  });
});
