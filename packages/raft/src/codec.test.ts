import { ByteReader, ByteWriter, CodecError } from '@tinykv/base';
import { badBytes, outcomeOf, runs } from '@tinykv/base/testing/fuzz';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeConfChange,
  decodeConfState,
  decodeEntry,
  decodeHardState,
  decodeMessage,
  encodeConfChange,
  encodeConfState,
  encodeEntry,
  encodeHardState,
  encodeMessage,
} from './codec.js';
import { encodedEntryBytes, makeMessage } from './message.js';
import type {
  ConfChange,
  ConfChangeTransition,
  ConfChangeType,
  ConfState,
  Entry,
  EntryType,
  HardState,
  Message,
  MessageType,
  Snapshot,
} from './types.js';

const number = fc.oneof(
  fc.nat({ max: 300 }),
  fc.maxSafeNat(),
  fc.constantFrom(2 ** 32 - 1, 2 ** 32, 2 ** 52, Number.MAX_SAFE_INTEGER),
);
const bytes = fc.uint8Array({ maxLength: 40 });
const ids = fc.array(number, { maxLength: 5 });

const entry: fc.Arbitrary<Entry> = fc.record({
  term: number,
  index: number,
  type: fc.constantFrom<EntryType>('EntryNormal', 'EntryConfChange', 'EntryConfChangeV2'),
  data: bytes,
});
const confState: fc.Arbitrary<ConfState> = fc.record({
  voters: ids,
  votersOutgoing: ids,
  learners: ids,
  learnersNext: ids,
  autoLeave: fc.boolean(),
});
const hardState: fc.Arbitrary<HardState> = fc.record({
  term: number,
  vote: number,
  commit: number,
});
const snapshot: fc.Arbitrary<Snapshot> = fc.record({
  data: bytes,
  metadata: fc.record({ confState, index: number, term: number }),
});
const confChange: fc.Arbitrary<ConfChange> = fc.record({
  transition: fc.constantFrom<ConfChangeTransition>(
    'ConfChangeTransitionAuto',
    'ConfChangeTransitionJointImplicit',
    'ConfChangeTransitionJointExplicit',
  ),
  changes: fc.array(
    fc.record({
      type: fc.constantFrom<ConfChangeType>(
        'ConfChangeAddNode',
        'ConfChangeRemoveNode',
        'ConfChangeUpdateNode',
        'ConfChangeAddLearnerNode',
      ),
      nodeId: number,
    }),
    { maxLength: 4 },
  ),
  context: bytes,
});
const message: fc.Arbitrary<Message> = fc.record({
  type: fc.constantFrom<MessageType>(
    'MsgHup',
    'MsgProp',
    'MsgApp',
    'MsgAppResp',
    'MsgVote',
    'MsgVoteResp',
    'MsgSnap',
    'MsgHeartbeat',
    'MsgHeartbeatResp',
    'MsgTransferLeader',
    'MsgTimeoutNow',
    'MsgReadIndex',
    'MsgReadIndexResp',
    'MsgPreVote',
    'MsgPreVoteResp',
    'MsgForgetLeader',
  ),
  to: number,
  from: number,
  term: number,
  logTerm: number,
  index: number,
  entries: fc.array(entry, { maxLength: 4 }),
  commit: number,
  vote: number,
  snapshot: fc.option(snapshot, { nil: undefined }),
  reject: fc.boolean(),
  rejectHint: number,
  context: bytes,
  responses: fc.constant([]),
});

function encoded(write: (writer: ByteWriter) => void): Uint8Array {
  const writer = new ByteWriter();
  write(writer);
  return writer.finish();
}

describe('what is decoded is what was encoded', () => {
  test('entries, whose size is known before', () => {
    fc.assert(
      fc.property(entry, (original) => {
        const size = encodedEntryBytes(original);
        const stored = encodeEntry(original);
        expect(stored.length).toBe(size);
        expect(encodeEntry(original)).toBe(stored);
        expect(decodeEntry(stored)).toStrictEqual({ ...original, encoded: stored });
      }),
    );
  });

  test('messages', () => {
    fc.assert(
      fc.property(message, (original) => {
        const reader = new ByteReader(encoded((writer) => encodeMessage(writer, original)));
        expect(decodeMessage(reader)).toEqual(original);
        reader.end();
      }),
    );
  });

  test('configuration changes, hard states and configurations', () => {
    fc.assert(
      fc.property(confChange, hardState, confState, (change, hard, conf) => {
        expect(decodeConfChange(encodeConfChange(change))).toEqual(change);
        const reader = new ByteReader(
          encoded((writer) => {
            encodeHardState(writer, hard);
            encodeConfState(writer, conf);
          }),
        );
        expect(decodeHardState(reader)).toEqual(hard);
        expect(decodeConfState(reader)).toEqual(conf);
        reader.end();
      }),
    );
  });
});

test('leaving the joint configuration is an entry without data', () => {
  const leave: ConfChange = {
    transition: 'ConfChangeTransitionAuto',
    changes: [],
    context: new Uint8Array(0),
  };
  expect(encodeConfChange(leave)).toHaveLength(0);
  expect(
    encodeConfChange({ ...leave, transition: 'ConfChangeTransitionJointExplicit' }),
  ).not.toHaveLength(0);
});

describe('malformed bytes are refused with a CodecError', () => {
  test('any bytes decode to what encodes again, or are refused, never anything else', () => {
    const sources = fc.oneof(
      entry.map(encodeEntry),
      confChange.map(encodeConfChange),
      message.map((m) => encoded((writer) => encodeMessage(writer, m))),
    );
    fc.assert(
      fc.property(badBytes(sources), (input) => {
        const decodedEntry = outcomeOf(() => decodeEntry(input), CodecError);
        if (decodedEntry.type === 'value') {
          const { encoded: _, ...fields } = decodedEntry.value;
          expect(decodeEntry(encodeEntry(fields))).toMatchObject(fields);
        }
        const change = outcomeOf(() => decodeConfChange(input), CodecError);
        if (change.type === 'value') {
          expect(decodeConfChange(encodeConfChange(change.value))).toEqual(change.value);
        }
        const decoded = outcomeOf(() => decodeMessage(new ByteReader(input)), CodecError);
        if (decoded.type === 'value') {
          const again = encoded((writer) => encodeMessage(writer, decoded.value));
          expect(decodeMessage(new ByteReader(again))).toEqual(decoded.value);
        }
      }),
      runs(500),
    );
  });

  test('numbers beyond 2^53 are refused, never rounded', () => {
    // LEB128 of 2^53 + 1 and of 2^64 - 1 in the place of a term.
    const large = [
      [0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10],
      [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    ];
    for (const varint of large) {
      expect(() => decodeEntry(Uint8Array.from([0, ...varint, 1]))).toThrow(CodecError);
      const bytes = Uint8Array.from([3, 0, 1, 2, ...varint, ...new Uint8Array(20)]);
      expect(() => decodeMessage(new ByteReader(bytes))).toThrow(CodecError);
    }
  });

  test('a message that is cut short', () => {
    fc.assert(
      fc.property(message, fc.nat(), (original, cut) => {
        const whole = encoded((writer) => encodeMessage(writer, original));
        const part = whole.subarray(0, cut % whole.length);
        expect(() => decodeMessage(new ByteReader(part))).toThrow(CodecError);
      }),
    );
  });

  test('unknown types', () => {
    expect(() => decodeEntry(Uint8Array.of(3, 1, 1))).toThrow('unknown entry type 3');
    expect(() => decodeMessage(new ByteReader(Uint8Array.of(24, 0)))).toThrow(
      'unknown message type 24',
    );
    expect(() => decodeConfChange(Uint8Array.of(7, 0))).toThrow('unknown transition 7');
  });
});

test('a storage message does not leave the process', () => {
  const response = makeMessage({ type: 'MsgStorageAppendResp' });
  const work = makeMessage({ type: 'MsgStorageAppend', responses: [response] });
  expect(() => encodeMessage(new ByteWriter(), work)).toThrow('cannot be encoded');
});
