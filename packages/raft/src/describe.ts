import { fromUtf8, utf8 } from '@tinykv/base';
import { decodeConfChange } from './codec.js';
import { formatConfChanges } from './conf-change-text.js';
import {
  type ConfState,
  type Entry,
  type HardState,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  type ReadState,
  type Ready,
  type Snapshot,
  type SoftState,
} from './types.js';

// The texts are etcd/raft's to the letter, so that its traces are tests of ours.

/** A peer in hex, or the name of what is no peer. */
export function describeTarget(id: number): string {
  switch (id) {
    case 0:
      return 'None';
    case LOCAL_APPEND_THREAD:
      return 'AppendThread';
    case LOCAL_APPLY_THREAD:
      return 'ApplyThread';
    default:
      return id.toString(16);
  }
}

/** `TERM/INDEX TYPE DATA`: the data quoted, or the changes of a configuration entry. */
export function describeEntry(entry: Entry): string {
  const text =
    entry.type === 'EntryNormal'
      ? quoteBytes(entry.data)
      : formatConfChanges(decodeConfChange(entry.data).changes);
  return `${entry.term}/${entry.index} ${entry.type}${text === '' ? '' : ` ${text}`}`;
}

/** One entry a line. */
export function describeEntries(entries: readonly Entry[]): string {
  return entries.map((entry) => `${describeEntry(entry)}\n`).join('');
}

export function describeMessage(m: Message, indent = ''): string {
  let out = `${indent}${describeTarget(m.from)}->${describeTarget(m.to)} ${m.type}`;
  out += ` Term:${m.term} Log:${m.logTerm}/${m.index}`;
  if (m.reject) out += ` Rejected (Hint: ${m.rejectHint})`;
  if (m.commit !== 0) out += ` Commit:${m.commit}`;
  if (m.vote !== 0) out += ` Vote:${m.vote}`;
  const only = m.entries.length === 1 ? m.entries[0] : undefined;
  if (only !== undefined) {
    out += ` Entries:[${describeEntry(only)}]`;
  } else if (m.entries.length > 0) {
    const lines = m.entries.map((entry) => `\n${indent}  ${describeEntry(entry)}`);
    out += ` Entries:[${lines.join('')}\n${indent}]`;
  }
  if (m.snapshot !== undefined && m.snapshot.metadata.index !== 0) {
    out += `\n${indent}  Snapshot: ${describeSnapshot(m.snapshot)}`;
  }
  if (m.responses.length > 0) {
    const lines = m.responses.map((response) => `\n${describeMessage(response, `${indent}  `)}`);
    out += ` Responses:[${lines.join('')}\n${indent}]`;
  }
  return out;
}

export function describeConfState(state: ConfState): string {
  const lists = [
    `Voters:[${state.voters.join(' ')}]`,
    `VotersOutgoing:[${state.votersOutgoing.join(' ')}]`,
    `Learners:[${state.learners.join(' ')}]`,
    `LearnersNext:[${state.learnersNext.join(' ')}]`,
  ];
  return `${lists.join(' ')} AutoLeave:${state.autoLeave}`;
}

export function describeSnapshot(snapshot: Snapshot): string {
  const { index, term, confState } = snapshot.metadata;
  return `Index:${index} Term:${term} ConfState:${describeConfState(confState)}`;
}

export function describeSoftState(state: SoftState): string {
  return `Lead:${state.lead} State:${state.raftState}`;
}

export function describeHardState(state: HardState): string {
  const vote = state.vote === 0 ? '' : ` Vote:${state.vote}`;
  return `Term:${state.term}${vote} Commit:${state.commit}`;
}

/** `[{INDEX [byte byte …]} …]`: Go's default form of the structs. */
export function describeReadStates(states: readonly ReadState[]): string {
  const texts = states.map((state) => `{${state.index} [${state.requestContext.join(' ')}]}`);
  return `[${texts.join(' ')}]`;
}

/** Several lines, each with its line end, unless it is empty. */
export function describeReady(ready: Ready): string {
  const { softState, hardState, readStates, entries, snapshot, committedEntries, messages } = ready;
  let out = '';
  if (softState !== undefined) out += `${describeSoftState(softState)}\n`;
  if (hardState !== undefined) out += `HardState ${describeHardState(hardState)}\n`;
  if (readStates.length > 0) out += `ReadStates ${describeReadStates(readStates)}\n`;
  if (entries.length > 0) out += `Entries:\n${describeEntries(entries)}`;
  if (snapshot !== undefined) out += `Snapshot ${describeSnapshot(snapshot)}\n`;
  if (committedEntries.length > 0) {
    out += `CommittedEntries:\n${describeEntries(committedEntries)}`;
  }
  if (messages.length > 0) {
    out += `Messages:\n${messages.map((m) => `${describeMessage(m)}\n`).join('')}`;
  }
  return out === '' ? '<empty Ready>' : `Ready MustSync=${ready.mustSync}:\n${out}`;
}

const escapes: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
};

/** Go's %q of bytes: UTF-8 where it is valid and printable, escapes elsewhere. */
function quoteBytes(bytes: Uint8Array): string {
  let out = '"';
  for (let i = 0; i < bytes.length; ) {
    const char = charAt(bytes, i);
    out += char === undefined ? `\\x${hex(bytes[i]!, 2)}` : quoteChar(char);
    i += char === undefined ? 1 : utf8(char).length;
  }
  return `${out}"`;
}

/** The character whose UTF-8 form starts at the offset, if one does. */
function charAt(bytes: Uint8Array, offset: number): string | undefined {
  const lead = bytes[offset]!;
  if (lead < 0x80) return String.fromCharCode(lead);
  const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  const char = fromUtf8(bytes.subarray(offset, offset + length));
  // Malformed bytes decode to replacement characters, which give other bytes back.
  const back = utf8(char);
  return back.length === length && back.every((byte, i) => byte === bytes[offset + i])
    ? char
    : undefined;
}

function quoteChar(char: string): string {
  const escaped = escapes[char];
  if (escaped !== undefined) return escaped;
  if (char === ' ' || /^[\p{L}\p{M}\p{N}\p{P}\p{S}]$/u.test(char)) return char;
  const code = char.codePointAt(0)!;
  if (code < 0x80) return `\\x${hex(code, 2)}`;
  return code < 0x1_0000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
