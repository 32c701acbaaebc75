import { ByteWriter, utf8 } from '@tinykv/base';
import { type Entry, encodeConfChange } from '@tinykv/raft';
import { describe, expect, it } from 'vitest';
import {
  beginData,
  encodePeerChange,
  encodeSplit,
  entryVoidsLease,
  isAdminEntry,
} from './command.js';

function entry(data: Uint8Array, type: Entry['type'] = 'EntryNormal'): Entry {
  return { term: 6, index: 7, type, data };
}

function data(): Uint8Array {
  const w = new ByteWriter(16);
  beginData(w, 6, 1);
  return w.finish();
}

describe('the kind of an entry', () => {
  const split = entry(encodeSplit(1, [{ key: utf8('m'), regionId: 4, peerIds: [5] }]));
  const peer = { id: 9, storeId: 3, learner: false };
  const addition = encodeConfChange(encodePeerChange({ type: 'add', peer, confVer: 1 }));
  const change = entry(addition, 'EntryConfChangeV2');

  it('says whether it is fenced', () => {
    expect([entry(data()), entry(new Uint8Array(0))].map(isAdminEntry)).toEqual([false, false]);
    expect([split, change].map(isAdminEntry)).toEqual([true, true]);
  });

  it('says whether it voids the lease until it is applied; for changes of peers the replica does', () => {
    expect(entryVoidsLease(split)).toBe(true);
    expect([entry(data()), entry(new Uint8Array(0)), change].map(entryVoidsLease)).toEqual([
      false,
      false,
      false,
    ]);
    // Bytes of a change are no kind: its first may be that of a split.
    expect(entryVoidsLease(entry(split.data, 'EntryConfChangeV2'))).toBe(false);
  });
});
