import { EMPTY_BYTES, utf8 } from '@tinykv/base';
import { describe, expect, test } from 'vitest';
import { encodeConfChange } from './codec.js';
import { parseConfChanges } from './conf-change-text.js';
import { describeEntry, describeMessage, describeReady, describeTarget } from './describe.js';
import { emptyConfState, makeMessage } from './message.js';
import { type Entry, LOCAL_APPEND_THREAD, LOCAL_APPLY_THREAD } from './types.js';

function entry(data: Uint8Array): Entry {
  return { term: 1, index: 2, type: 'EntryNormal', data };
}

describe('entries', () => {
  test('data is quoted as Go does it', () => {
    expect(describeEntry(entry(EMPTY_BYTES))).toBe('1/2 EntryNormal ""');
    expect(describeEntry(entry(utf8('a "b"\\\n\x01é€😀\u200b')))).toBe(
      '1/2 EntryNormal "a \\"b\\"\\\\\\n\\x01é€😀\\u200b"',
    );
    expect(describeEntry(entry(Uint8Array.of(0xff, 0x61, 0xe2, 0x82)))).toBe(
      '1/2 EntryNormal "\\xffa\\xe2\\x82"',
    );
  });

  test('configuration changes are in their text form', () => {
    const data = encodeConfChange({
      transition: 'ConfChangeTransitionAuto',
      changes: parseConfChanges('v1 l2'),
      context: EMPTY_BYTES,
    });
    expect(describeEntry({ ...entry(data), type: 'EntryConfChangeV2' })).toBe(
      '1/2 EntryConfChangeV2 v1 l2',
    );
    expect(describeEntry({ ...entry(EMPTY_BYTES), type: 'EntryConfChangeV2' })).toBe(
      '1/2 EntryConfChangeV2',
    );
  });
});

test('targets are in hex, or named', () => {
  expect([0, 31, LOCAL_APPEND_THREAD, LOCAL_APPLY_THREAD].map(describeTarget)).toEqual([
    'None',
    '1f',
    'AppendThread',
    'ApplyThread',
  ]);
});

test('a message prints what is set, in one order', () => {
  const answer = makeMessage({ type: 'MsgAppResp', from: 1, to: 2, term: 3, index: 4 });
  const all = makeMessage({
    type: 'MsgStorageAppend',
    from: 1,
    to: LOCAL_APPEND_THREAD,
    term: 3,
    logTerm: 2,
    index: 7,
    reject: true,
    rejectHint: 6,
    commit: 5,
    vote: 1,
    entries: [entry(utf8('a')), entry(utf8('b'))],
    snapshot: { data: EMPTY_BYTES, metadata: { confState: emptyConfState, index: 4, term: 1 } },
    responses: [answer],
  });
  expect(describeMessage(all)).toBe(
    [
      '1->AppendThread MsgStorageAppend Term:3 Log:2/7 Rejected (Hint: 6) Commit:5 Vote:1 Entries:[',
      '  1/2 EntryNormal "a"',
      '  1/2 EntryNormal "b"',
      ']',
      '  Snapshot: Index:4 Term:1 ConfState:Voters:[] VotersOutgoing:[] Learners:[] LearnersNext:[] AutoLeave:false Responses:[',
      '  1->2 MsgAppResp Term:3 Log:0/4',
      ']',
    ].join('\n'),
  );
});

test('a Ready prints what it has to do, or that there is nothing', () => {
  const nothing = {
    softState: undefined,
    hardState: undefined,
    readStates: [],
    entries: [],
    snapshot: undefined,
    committedEntries: [],
    messages: [],
    mustSync: false,
  };
  expect(describeReady(nothing)).toBe('<empty Ready>');
  const ready = {
    ...nothing,
    softState: { lead: 1, raftState: 'StateLeader' },
    hardState: { term: 2, vote: 0, commit: 3 },
    readStates: [{ index: 4, requestContext: utf8('ab') }],
    entries: [entry(utf8('x'))],
    mustSync: true,
  } as const;
  expect(describeReady(ready)).toBe(
    [
      'Ready MustSync=true:',
      'Lead:1 State:StateLeader',
      'HardState Term:2 Commit:3',
      'ReadStates [{4 [97 98]}]',
      'Entries:',
      '1/2 EntryNormal "x"',
      '',
    ].join('\n'),
  );
});
