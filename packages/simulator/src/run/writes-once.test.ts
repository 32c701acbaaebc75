import { ByteWriter, utf8 } from '@tinykv/base';
import { encodeModify, type Modify } from '@tinykv/model';
import type { Entry } from '@tinykv/raft';
import { describe, expect, it } from 'vitest';
import { writesOnce } from './writes-once.js';

const KIND_DATA = 1;

/** As raftstore writes it: one command of these modifies, decided in this term. */
function entry(term: number, decidedIn: number, ...modifies: readonly Modify[]): Entry {
  const w = new ByteWriter().u8(KIND_DATA).varint(decidedIn).varint(3).varint(modifies.length);
  for (const modify of modifies) encodeModify(w, modify);
  return { type: 'EntryNormal', term, index: 9, data: w.finish() };
}

const put: Modify = { type: 'raw-put', cf: 'default', key: utf8('k'), value: utf8('<v7>....') };
const end = { key: utf8('k'), startTs: 5n, unlock: true } as const;
const commit: Modify = {
  ...end,
  type: 'commit',
  newest: utf8('n'),
  history: undefined,
  longValue: undefined,
};
const rollback: Modify = {
  ...end,
  type: 'rollback',
  dropValue: false,
  newest: utf8('n'),
  record: utf8('r'),
};

describe('what a Region does once', () => {
  it('is a put of a unique value, in a version of the Region', () => {
    expect(writesOnce(entry(2, 2, put))).toEqual(['<v7> of version 3']);
  });

  it('is the commit of a transaction on a key; a rollback may be asked for again after its collection', () => {
    const [committed] = writesOnce(entry(2, 2, commit));
    expect(committed).toMatch(/commit of transaction 5/);
    expect(writesOnce(entry(2, 2, rollback))).toEqual([]);
  });

  it('is nothing in an entry that its apply refuses', () => {
    expect(writesOnce(entry(3, 2, put, commit))).toEqual([]);
  });

  it('is nothing in an entry without data', () => {
    expect(writesOnce({ type: 'EntryNormal', term: 2, index: 9, data: new Uint8Array(0) })).toEqual(
      [],
    );
  });
});
