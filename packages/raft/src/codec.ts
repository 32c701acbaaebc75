import { assert, ByteReader, ByteWriter, CodecError, EMPTY_BYTES } from '@tinykv/base';
import { isLeaveJoint } from './conf-change.js';
import { encodedEntryBytes, makeMessage } from './message.js';
import type {
  ConfChange,
  ConfChangeSingle,
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

// The place of a name in its list is its number on the disk and on the wire: only ever append.
const entryTypes: readonly EntryType[] = ['EntryNormal', 'EntryConfChange', 'EntryConfChangeV2'];
const messageTypes: readonly MessageType[] = [
  'MsgHup',
  'MsgBeat',
  'MsgProp',
  'MsgApp',
  'MsgAppResp',
  'MsgVote',
  'MsgVoteResp',
  'MsgSnap',
  'MsgHeartbeat',
  'MsgHeartbeatResp',
  'MsgUnreachable',
  'MsgSnapStatus',
  'MsgCheckQuorum',
  'MsgTransferLeader',
  'MsgTimeoutNow',
  'MsgReadIndex',
  'MsgReadIndexResp',
  'MsgPreVote',
  'MsgPreVoteResp',
  'MsgStorageAppend',
  'MsgStorageAppendResp',
  'MsgStorageApply',
  'MsgStorageApplyResp',
  'MsgForgetLeader',
];
const confChangeTypes: readonly ConfChangeType[] = [
  'ConfChangeAddNode',
  'ConfChangeRemoveNode',
  'ConfChangeUpdateNode',
  'ConfChangeAddLearnerNode',
];
const transitions: readonly ConfChangeTransition[] = [
  'ConfChangeTransitionAuto',
  'ConfChangeTransitionJointImplicit',
  'ConfChangeTransitionJointExplicit',
];

const FLAG_REJECT = 1;
const FLAG_SNAPSHOT = 2;

const numbersByName: ReadonlyMap<string, number> = new Map(
  [entryTypes, messageTypes, confChangeTypes, transitions].flatMap((names) =>
    names.map((name, number): [string, number] => [name, number]),
  ),
);

function numberOf(name: string): number {
  const number = numbersByName.get(name);
  assert(number !== undefined, () => `${name} has no number`);
  return number;
}

function nameOf<T>(names: readonly T[], number: number, what: string): T {
  const name = names[number];
  if (name === undefined) throw new CodecError(`unknown ${what} ${number}`);
  return name;
}

function flag(value: number, what: string): boolean {
  if (value > 1) throw new CodecError(`${what} is ${value}`);
  return value === 1;
}

/** `u8 type | varint term | varint index | data to the end`. Made once per entry, then kept in it. */
export function encodeEntry(entry: Entry): Uint8Array {
  if (entry.encoded !== undefined) return entry.encoded;
  const encoded = new ByteWriter(encodedEntryBytes(entry))
    .u8(numberOf(entry.type))
    .varint(entry.term)
    .varint(entry.index)
    .raw(entry.data)
    .finish();
  entry.encoded = encoded;
  return encoded;
}

/** The entry's data is a view of the bytes, which must not change from now on. */
export function decodeEntry(bytes: Uint8Array): Entry {
  const reader = new ByteReader(bytes);
  const type = nameOf(entryTypes, reader.u8(), 'entry type');
  const term = reader.varint();
  const index = reader.varint();
  return { term, index, type, data: reader.rest(), encoded: bytes };
}

/** An empty change (leave joint) is empty bytes: every configuration entry without data means that. */
export function encodeConfChange(change: ConfChange): Uint8Array {
  if (isLeaveJoint(change) && change.context.length === 0) return EMPTY_BYTES;
  const writer = new ByteWriter(16 + change.context.length)
    .u8(numberOf(change.transition))
    .varint(change.changes.length);
  for (const { type, nodeId } of change.changes) writer.u8(numberOf(type)).varint(nodeId);
  return writer.raw(change.context).finish();
}

export function decodeConfChange(bytes: Uint8Array): ConfChange {
  if (bytes.length === 0) {
    return { transition: 'ConfChangeTransitionAuto', changes: [], context: EMPTY_BYTES };
  }
  const reader = new ByteReader(bytes);
  const transition = nameOf(transitions, reader.u8(), 'transition');
  const changes: ConfChangeSingle[] = [];
  for (let left = reader.varint(); left > 0; left--) {
    const type = nameOf(confChangeTypes, reader.u8(), 'configuration change');
    changes.push({ type, nodeId: reader.varint() });
  }
  return { transition, changes, context: reader.rest() };
}

export function encodeHardState(writer: ByteWriter, state: HardState): void {
  writer.varint(state.term).varint(state.vote).varint(state.commit);
}

export function decodeHardState(reader: ByteReader): HardState {
  return { term: reader.varint(), vote: reader.varint(), commit: reader.varint() };
}

export function encodeConfState(writer: ByteWriter, state: ConfState): void {
  for (const ids of [state.voters, state.votersOutgoing, state.learners, state.learnersNext]) {
    writer.varint(ids.length);
    for (const id of ids) writer.varint(id);
  }
  writer.u8(state.autoLeave ? 1 : 0);
}

export function decodeConfState(reader: ByteReader): ConfState {
  return {
    voters: decodeIds(reader),
    votersOutgoing: decodeIds(reader),
    learners: decodeIds(reader),
    learnersNext: decodeIds(reader),
    autoLeave: flag(reader.u8(), 'autoLeave'),
  };
}

function decodeIds(reader: ByteReader): number[] {
  const ids: number[] = [];
  for (let left = reader.varint(); left > 0; left--) ids.push(reader.varint());
  return ids;
}

export function encodeSnapshot(writer: ByteWriter, snapshot: Snapshot): void {
  const { confState, index, term } = snapshot.metadata;
  writer.varint(index).varint(term);
  encodeConfState(writer, confState);
  writer.bytes(snapshot.data);
}

/** The snapshot's data is a view of the source. */
export function decodeSnapshot(reader: ByteReader): Snapshot {
  const index = reader.varint();
  const term = reader.varint();
  const confState = decodeConfState(reader);
  return { data: reader.bytes(), metadata: { confState, index, term } };
}

/** Storage messages carry responses and never leave their process: they have no binary form. */
export function encodeMessage(writer: ByteWriter, m: Message): void {
  assert(m.responses.length === 0, () => `${m.type} with responses cannot be encoded`);
  const flags = (m.reject ? FLAG_REJECT : 0) | (m.snapshot === undefined ? 0 : FLAG_SNAPSHOT);
  writer
    .u8(numberOf(m.type))
    .u8(flags)
    .varint(m.to)
    .varint(m.from)
    .varint(m.term)
    .varint(m.logTerm)
    .varint(m.index)
    .varint(m.commit)
    .varint(m.vote)
    .varint(m.rejectHint)
    .bytes(m.context)
    .varint(m.entries.length);
  for (const entry of m.entries) writer.bytes(encodeEntry(entry));
  if (m.snapshot !== undefined) encodeSnapshot(writer, m.snapshot);
}

/** Entries, context and snapshot data are views of the source, which must not change from now on. */
export function decodeMessage(reader: ByteReader): Message {
  const type = nameOf(messageTypes, reader.u8(), 'message type');
  const flags = reader.u8();
  if (flags > (FLAG_REJECT | FLAG_SNAPSHOT)) throw new CodecError(`message flags ${flags}`);
  const to = reader.varint();
  const from = reader.varint();
  const term = reader.varint();
  const logTerm = reader.varint();
  const index = reader.varint();
  const commit = reader.varint();
  const vote = reader.varint();
  const rejectHint = reader.varint();
  const context = reader.bytes();
  const entries: Entry[] = [];
  for (let left = reader.varint(); left > 0; left--) entries.push(decodeEntry(reader.bytes()));
  return makeMessage({
    type,
    to,
    from,
    term,
    logTerm,
    index,
    entries,
    commit,
    vote,
    snapshot: (flags & FLAG_SNAPSHOT) === 0 ? undefined : decodeSnapshot(reader),
    reject: (flags & FLAG_REJECT) !== 0,
    rejectHint,
    context,
  });
}
