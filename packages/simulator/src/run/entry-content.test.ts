import { ByteWriter, utf8 } from '@tinykv/base';
import { encodeModify, encodeNewest, type Modify, newestKey } from '@tinykv/model';
import type { Entry } from '@tinykv/raft';
import { describe, expect, it } from 'vitest';
import { contentOf } from './entry-content.js';

const KIND_DATA = 1;

/** As raftstore writes it: one command of these modifies, decided in this term. */
function entry(term: number, decidedIn: number, ...modifies: readonly Modify[]): Entry {
  const w = new ByteWriter().u8(KIND_DATA).varint(decidedIn).varint(3).varint(modifies.length);
  for (const modify of modifies) encodeModify(w, modify);
  return { type: 'EntryNormal', term, index: 9, data: w.finish() };
}

const onceOf = (one: Entry): readonly string[] => contentOf(one).once;
const write = { kind: 'put', startTs: 5n, commitTs: 8n, shortValue: utf8('v') } as const;
const newest = encodeNewest(newestKey(utf8('k')), { write, otherTs: 0n });

const put: Modify = { type: 'raw-put', cf: 'default', key: utf8('k'), value: utf8('<v7>....') };
const end = { key: utf8('k'), startTs: 5n, unlock: true } as const;
const commit: Modify = {
  ...end,
  type: 'commit',
  newest,
  history: undefined,
  longValue: undefined,
};
const rollback: Modify = {
  ...end,
  type: 'rollback',
  dropValue: false,
  newest,
  record: utf8('r'),
};

describe('what a Region does once', () => {
  it('is a put of a unique value, in a version of the Region', () => {
    expect(onceOf(entry(2, 2, put))).toEqual(['<v7> of version 3']);
  });

  it('is the commit of a transaction on a key; a rollback may be asked for again after its collection', () => {
    const [committed] = onceOf(entry(2, 2, commit));
    expect(committed).toMatch(/commit of transaction 5/);
    expect(onceOf(entry(2, 2, rollback))).toEqual([]);
  });

  it('makes a newest version, or writes the record of one again', () => {
    const other = { ...rollback, startTs: 9n };
    const { versions } = contentOf(entry(2, 2, put, commit, other));
    const version = { key: '6b of version 3', startTs: 5n, commitTs: 8n };
    expect(versions).toEqual([
      { ...version, by: 5n },
      { ...version, by: 9n },
    ]);
    expect(contentOf(entry(3, 2, commit)).versions).toEqual([]);
  });

  it('is nothing in an entry that its apply refuses', () => {
    expect(onceOf(entry(3, 2, put, commit))).toEqual([]);
  });

  it('is nothing in an entry without data', () => {
    expect(onceOf({ type: 'EntryNormal', term: 2, index: 9, data: new Uint8Array(0) })).toEqual([]);
  });
});
