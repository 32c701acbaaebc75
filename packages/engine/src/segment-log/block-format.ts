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
  readonly moved: boolean;
}

/** Returns the offset in `w` at which the entries begin. */
export function writeBlock(w: ByteWriter, group: number, parts: BlockParts): number {
  const { isReset, state, entries, moved } = parts;
  w.u8(
    (isReset ? FLAG_RESET : 0) |
      (state ? FLAG_STATE : 0) |
      (entries.length > 0 ? FLAG_ENTRIES : 0) |
      (moved ? FLAG_MOVED : 0),
  );
  w.varint(group);
  if (state) writeFacts(w, state);
  if (entries.length === 0) return w.length;
  w.varint(entries[0]!.index).varint(entries.length);
  const start = w.length;
  for (const entry of entries) w.bytes(encodeEntry(entry));
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

/** Entries [low, high) of the `run` in a payload. Throws CodecError. */
export function readEntries(
  payload: Uint8Array,
  run: Pick<EntriesBlock, 'first' | 'start'>,
  low: LogIndex,
  high: LogIndex,
): Entry[] {
  const r = new ByteReader(payload.subarray(run.start));
  const out: Entry[] = [];
  for (let index = run.first; index < high; index++) {
    const bytes = r.bytes();
    if (index >= low) out.push(checkIndex(decodeEntry(bytes), index));
  }
  return out;
}

function checkIndex(entry: Entry, index: LogIndex): Entry {
  if (entry.index !== index) throw new CodecError(`entry ${entry.index} in the place of ${index}`);
  return entry;
}
