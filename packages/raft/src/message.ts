import { EMPTY_BYTES } from '@tinykv/base';
import {
  type ConfState,
  type Entry,
  type HardState,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  type MessageType,
} from './types.js';

const NO_ENTRIES: readonly Entry[] = [];
const NO_MESSAGES: readonly Message[] = [];

export const emptyConfState: ConfState = {
  voters: [],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
};

export const emptyHardState: HardState = { term: 0, vote: 0, commit: 0 };

/** All messages are made here: one literal with all fields in one order gives V8 one hidden class. */
export function makeMessage(fields: Partial<Message> & { readonly type: MessageType }): Message {
  return {
    type: fields.type,
    to: fields.to ?? 0,
    from: fields.from ?? 0,
    term: fields.term ?? 0,
    logTerm: fields.logTerm ?? 0,
    index: fields.index ?? 0,
    entries: fields.entries ?? NO_ENTRIES,
    commit: fields.commit ?? 0,
    vote: fields.vote ?? 0,
    snapshot: fields.snapshot,
    reject: fields.reject ?? false,
    rejectHint: fields.rejectHint ?? 0,
    context: fields.context ?? EMPTY_BYTES,
    responses: fields.responses ?? NO_MESSAGES,
  };
}

/** Messages that a node sends to itself or to its own storage: they never cross the network. */
export function isLocalMessage(type: MessageType): boolean {
  switch (type) {
    case 'MsgHup':
    case 'MsgBeat':
    case 'MsgUnreachable':
    case 'MsgSnapStatus':
    case 'MsgCheckQuorum':
    case 'MsgStorageAppend':
    case 'MsgStorageAppendResp':
    case 'MsgStorageApply':
    case 'MsgStorageApplyResp':
      return true;
    default:
      return false;
  }
}

/** Answers, the storage's own included. */
export function isResponseMessage(type: MessageType): boolean {
  switch (type) {
    case 'MsgAppResp':
    case 'MsgVoteResp':
    case 'MsgHeartbeatResp':
    case 'MsgUnreachable':
    case 'MsgReadIndexResp':
    case 'MsgPreVoteResp':
    case 'MsgStorageAppendResp':
    case 'MsgStorageApplyResp':
      return true;
    default:
      return false;
  }
}

/** True for the targets that stand for a node's own storage. */
export function isLocalTarget(id: number): boolean {
  return id === LOCAL_APPEND_THREAD || id === LOCAL_APPLY_THREAD;
}

export function isEmptyHardState(state: HardState): boolean {
  return state.term === 0 && state.vote === 0 && state.commit === 0;
}

export function equalHardStates(a: HardState, b: HardState): boolean {
  return a.term === b.term && a.vote === b.vote && a.commit === b.commit;
}

/** Bytes of the application's data: what flow control counts. An empty entry is free. */
export function payloadBytes(entry: Entry): number {
  return entry.data.length;
}

/** The sum of {@link payloadBytes}. */
export function entriesBytes(entries: readonly Entry[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += entry.data.length;
  return bytes;
}

/** Bytes of the entry's binary form (see codec.ts): what limits of messages and reads count. */
export function encodedEntryBytes(entry: Entry): number {
  if (entry.encoded !== undefined) return entry.encoded.length;
  return 1 + varintBytes(entry.term) + varintBytes(entry.index) + entry.data.length;
}

/** The longest prefix whose encoded size fits `maxBytes`, but at least one entry. */
export function limitSize(entries: readonly Entry[], maxBytes: number): readonly Entry[] {
  let bytes = 0;
  for (let i = 0; i < entries.length; i++) {
    bytes += encodedEntryBytes(entries[i]!);
    if (bytes > maxBytes && i > 0) return entries.slice(0, i);
  }
  return entries;
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++;
  return bytes;
}
