import { ByteReader, type ByteWriter, CodecError, type LogIndex } from '@tinykv/base';
import {
  decodeEntry,
  type Entry,
  encodeEntry,
  type HardState,
  type LogPosition,
} from '@tinykv/raft';

/**
 * The payload of a frame: blocks, each of which tells changes of one group, in the order in which they take
 * effect. Numbers without a width are varints.
 *
 * ```text
 *   flags u8 | group
 *   state     term, vote, commit, truncated index, truncated term, applied    as they are after this block
 *   entries   first index, count, (length | entry as its leader encoded it) …
 * ```
 * A flag alone tells that the group is destroyed, or that all entries before this block are gone. Entries
 * replace all that the group has at or after the first of them; `moved` ones are copies of what it has, from
 * a segment that is to be given up.
 */
const FLAG_DESTROY = 1;
const FLAG_RESET = 2;
const FLAG_STATE = 4;
const FLAG_ENTRIES = 8;
const FLAG_MOVED = 16;

/** What the log keeps of a group besides its entries. */
export interface GroupFacts {
  readonly hardState: HardState;
  readonly truncated: LogPosition;
  readonly durableApplied: LogIndex;
}

export function writeDestroyed(w: ByteWriter, group: number): void {
  w.u8(FLAG_DESTROY).varint(group);
}

export interface BlockParts {
  readonly isReset: boolean;
  readonly state: GroupFacts | undefined;
  readonly entries: readonly Entry[];
}

/** Returns the offset in `w` at which the entries begin. */
export function writeBlock(w: ByteWriter, group: number, parts: BlockParts): number {
  const { isReset, state, entries } = parts;
  w.u8(
    (isReset ? FLAG_RESET : 0) | (state ? FLAG_STATE : 0) | (entries.length > 0 ? FLAG_ENTRIES : 0),
  );
  w.varint(group);
  if (state) writeFacts(w, state);
  if (entries.length === 0) return w.length;
  w.varint(entries[0]!.index).varint(entries.length);
  const start = w.length;
  for (const entry of entries) w.bytes(encodeEntry(entry));
  return start;
}

/** Entries as they stand in a frame, each behind its length. */
export interface StoredEntries {
  readonly first: LogIndex;
  readonly count: number;
  readonly bytes: Uint8Array;
}

/** A copy of what a segment has that is to be given up. Returns the offset at which the entries begin. */
export function writeMoved(
  w: ByteWriter,
  group: number,
  state: GroupFacts | undefined,
  entries: StoredEntries | undefined,
): number {
  w.u8((state ? FLAG_STATE : 0) | (entries ? FLAG_ENTRIES : 0) | FLAG_MOVED).varint(group);
  if (state) writeFacts(w, state);
  if (entries === undefined) return w.length;
  w.varint(entries.first).varint(entries.count);
  const start = w.length;
  w.raw(entries.bytes);
  return start;
}

function writeFacts(w: ByteWriter, { hardState, truncated, durableApplied }: GroupFacts): void {
  w.varint(hardState.term).varint(hardState.vote).varint(hardState.commit);
  w.varint(truncated.index).varint(truncated.term).varint(durableApplied);
}

export interface EntriesBlock {
  readonly first: LogIndex;
  readonly count: number;
  /** Within the payload. */
  readonly start: number;
  readonly bytes: number;
  readonly entries: readonly Entry[];
  readonly moved: boolean;
}

export interface Block {
  readonly group: number;
  readonly destroyed: boolean;
  readonly isReset: boolean;
  readonly state: GroupFacts | undefined;
  readonly entries: EntriesBlock | undefined;
}

/** Throws CodecError. */
export function readBlocks(payload: Uint8Array): Block[] {
  const r = new ByteReader(payload);
  const blocks: Block[] = [];
  while (r.remaining > 0) blocks.push(readBlock(r));
  return blocks;
}

function readBlock(r: ByteReader): Block {
  const flags = r.u8();
  const group = r.varint();
  const has = (flag: number): boolean => (flags & flag) !== 0;
  return {
    group,
    destroyed: has(FLAG_DESTROY),
    isReset: has(FLAG_RESET),
    state: has(FLAG_STATE) ? readFacts(r) : undefined,
    entries: has(FLAG_ENTRIES) ? readEntriesBlock(r, has(FLAG_MOVED)) : undefined,
  };
}

function readFacts(r: ByteReader): GroupFacts {
  return {
    hardState: { term: r.varint(), vote: r.varint(), commit: r.varint() },
    truncated: { index: r.varint(), term: r.varint() },
    durableApplied: r.varint(),
  };
}

function readEntriesBlock(r: ByteReader, moved: boolean): EntriesBlock {
  const first = r.varint();
  const count = r.varint();
  const start = r.offset;
  const entries: Entry[] = [];
  for (let i = 0; i < count; i++) entries.push(checkIndex(decodeEntry(r.bytes()), first + i));
  return { first, count, start, bytes: r.offset - start, entries, moved };
}

/** A block of a payload as it is passed by, its entries unread. */
export interface BlockOutline {
  readonly group: number;
  readonly hasState: boolean;
  /** The first entry and where it stands in the payload; undefined when there is none. */
  readonly entries: { readonly first: LogIndex; readonly start: number } | undefined;
}

/** Passes by all blocks without making anything of their entries. Throws CodecError. */
export function outlineBlocks(payload: Uint8Array): BlockOutline[] {
  const r = new ByteReader(payload);
  const out: BlockOutline[] = [];
  while (r.remaining > 0) {
    const flags = r.u8();
    const group = r.varint();
    const hasState = (flags & FLAG_STATE) !== 0;
    if (hasState) readFacts(r);
    if ((flags & FLAG_ENTRIES) === 0) {
      out.push({ group, hasState, entries: undefined });
      continue;
    }
    const first = r.varint();
    const count = r.varint();
    out.push({ group, hasState, entries: { first, start: r.offset } });
    for (let i = 0; i < count; i++) r.skip(r.varint());
  }
  return out;
}

/** Entries [low, high) of the `run` as they stand in a payload; a view. Throws CodecError. */
export function storedEntries(
  payload: Uint8Array,
  run: Pick<EntriesBlock, 'first' | 'start'>,
  low: LogIndex,
  high: LogIndex,
): StoredEntries {
  const r = new ByteReader(payload);
  r.skip(run.start);
  for (let index = run.first; index < low; index++) r.skip(r.varint());
  const start = r.offset;
  for (let index = low; index < high; index++) r.skip(r.varint());
  return { first: low, count: high - low, bytes: payload.subarray(start, r.offset) };
}

/** The entries, whose data are views of the bytes. Throws CodecError. */
export function decodeStored({ first, count, bytes }: StoredEntries): Entry[] {
  const r = new ByteReader(bytes);
  const out: Entry[] = [];
  for (let i = 0; i < count; i++) out.push(checkIndex(decodeEntry(r.bytes()), first + i));
  return out;
}

function checkIndex(entry: Entry, index: LogIndex): Entry {
  if (entry.index !== index) throw new CodecError(`entry ${entry.index} in the place of ${index}`);
  return entry;
}
