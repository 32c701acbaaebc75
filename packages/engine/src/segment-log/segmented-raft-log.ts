import { assert, ByteWriter, CodecError, errorMessage, KvError, type LogIndex } from '@tinykv/base';
import {
  type Entry,
  encodedEntryBytes,
  type GroupUpdate,
  type LogDamage,
  type RaftLog,
  type RecoveredGroup,
} from '@tinykv/raft';
import { damage } from '../damage.js';
import { beginFrame, FRAME_HEADER_BYTES, sealedBytes, sealFrame } from '../frame-format.js';
import { changeGroup, checkReadable, equalStates, type GroupLog } from '../raft-log/group-log.js';
import { storageError } from '../storage-errors.js';
import {
  decodeStored,
  storedEntries,
  writeBlock,
  writeDestroyed,
  writeMoved,
} from './block-format.js';
import { type EntryRun, EntryRuns } from './entry-runs.js';
import type { LogFiles } from './log-files.js';
import { type Move, Rewriter } from './rewriter.js';
import type { FramePlace, Segment } from './segment.js';
import { recoverSegments, type Slot } from './segment-recovery.js';
import { SegmentSet } from './segment-set.js';

export interface SegmentedRaftLogOptions {
  /** Size of a file; an append that is larger gets a file of its own. */
  readonly segmentBytes?: number;
}

const SEGMENT_BYTES = 16_777_216;

/** What an update puts into a block. */
interface BlockContent {
  readonly isReset: boolean;
  readonly hasState: boolean;
  readonly entries: readonly Entry[];
}

/** A block of the frame that is being written, and what it comes to once it is durable. */
interface Staged {
  readonly group: number;
  /** Undefined: the group is destroyed. */
  readonly after: GroupLog | undefined;
  readonly isReset: boolean;
  readonly hasState: boolean;
  /** The entries of the block; none when the count is 0. */
  readonly first: LogIndex;
  readonly count: number;
  readonly moved: boolean;
  /** Where the entries stand in the payload. */
  readonly start: number;
  readonly bytes: number;
}

/**
 * A {@link RaftLog} in files of its own, in the manner of TiKV's raft-engine: all groups share a sequence of
 * segments, an append is one frame written behind the last and one fdatasync. Memory holds where the entries
 * are, not the entries. Old segments go from the old end on; what a {@link Rewriter} finds worth keeping in
 * them is written once more first.
 */
export class SegmentedRaftLog implements RaftLog {
  readonly #segments: SegmentSet;
  readonly #segmentBytes: number;
  /** As durable; nothing of a running append is in it. */
  #slots = new Map<number, Slot>();
  #rewriter: Rewriter | undefined;
  readonly #writer = new ByteWriter(65_536);
  #sequence = 0;
  #appending = false;
  /** What a write failed with: the end of the log is not known any more. */
  #failure: KvError | undefined;
  #syncs = 0;
  readonly #segmentOf = (number: number): Segment => this.#segments.at(number);

  constructor(files: LogFiles, options: SegmentedRaftLogOptions = {}) {
    this.#segmentBytes = options.segmentBytes ?? SEGMENT_BYTES;
    this.#segments = new SegmentSet(files, this.#segmentBytes);
  }

  get syncs(): number {
    return this.#syncs;
  }

  /** The number of the last append that is durable, counted from the first ever. */
  get sequence(): number {
    return this.#sequence;
  }

  async open(): Promise<readonly RecoveredGroup[]> {
    assert(this.#rewriter === undefined, 'the raft log is open');
    try {
      const segments = await this.#segments.open();
      const { slots, sequence, last } = await recoverSegments(segments, this.#segmentOf);
      await this.#segments.dropEmpty();
      // The last append may be in the page cache alone: the process died before its sync, or its sync failed.
      await last?.segment.rewrite(last.place);
      this.#slots = slots;
      this.#sequence = sequence;
    } catch (error) {
      await this.#segments.close();
      throw error;
    }
    this.#rewriter = new Rewriter(this.#segments, this.#slots, this.#segmentBytes);
    return [...this.#slots.values()].map(({ log }) => log);
  }

  async append(updates: readonly GroupUpdate[]): Promise<void> {
    const rewriter = this.#rewriter;
    assert(rewriter !== undefined, 'the raft log is not open');
    assert(!this.#appending, 'an append is running');
    if (this.#failure !== undefined) throw this.#failure;
    this.#appending = true;
    try {
      const moves = await rewriter.next(appendedBytes(updates));
      beginFrame(this.#writer);
      const staged = [...moves.map((move) => this.#stageMove(move)), ...this.#stage(updates)];
      if (staged.length === 0) return;
      const { segment, place } = await this.#write();
      for (const change of staged) this.#commit(change, segment, place);
      await this.#release();
    } finally {
      this.#appending = false;
    }
  }

  async read(group: number, low: LogIndex, high: LogIndex, maxBytes: number): Promise<Entry[]> {
    const slot = this.#slots.get(group);
    checkReadable(group, slot?.log, low, high);
    const runs = slot!.runs.over(low, high, maxBytes);
    for (const { segment } of runs) segment.pin();
    try {
      return await readRuns(runs, low, high, maxBytes);
    } finally {
      for (const { segment } of runs) segment.unpin();
    }
  }

  takeDamage(): readonly LogDamage[] {
    return this.#rewriter?.takeDamage() ?? [];
  }

  async close(): Promise<void> {
    assert(!this.#appending, 'an append is running');
    this.#rewriter = undefined;
    await this.#segments.close();
  }

  /** Writes down the updates; nothing is changed yet, should one of them be wrong. */
  #stage(updates: readonly GroupUpdate[]): Staged[] {
    const pending = new Map<number, GroupLog | undefined>();
    const staged: Staged[] = [];
    for (const update of updates) {
      const { group, reset, entries = [] } = update;
      const before = pending.has(group) ? pending.get(group) : this.#slots.get(group)?.log;
      const { after } = changeGroup(before, update);
      pending.set(group, after);
      const hasState = after !== undefined && (before === undefined || !equalStates(before, after));
      if (after === undefined && before === undefined) continue;
      const isReset = reset !== undefined;
      if (after !== undefined && !hasState && !isReset && entries.length === 0) continue;
      const { start, bytes } = this.#writeBlock(group, after, { isReset, hasState, entries });
      const [first, count] = [entries[0]?.index ?? 0, entries.length];
      staged.push({ group, after, isReset, hasState, first, count, moved: false, start, bytes });
    }
    return staged;
  }

  #stageMove({ group, entries, withState }: Move): Staged {
    const after = this.#slots.get(group)?.log;
    assert(after !== undefined, () => `group ${group} is moved and does not exist`);
    const at = writeMoved(this.#writer, group, withState ? after : undefined, entries);
    const start = at - FRAME_HEADER_BYTES;
    const { first = 0, count = 0 } = entries ?? {};
    const bytes = entries?.bytes.length ?? 0;
    const rest = { isReset: false, hasState: withState, moved: true };
    return { group, after, ...rest, first, count, start, bytes };
  }

  /** Where the entries of the block stand in the payload. */
  #writeBlock(
    group: number,
    after: GroupLog | undefined,
    { isReset, hasState, entries }: BlockContent,
  ): Pick<Staged, 'start' | 'bytes'> {
    if (after === undefined) {
      writeDestroyed(this.#writer, group);
      return { start: this.#writer.length - FRAME_HEADER_BYTES, bytes: 0 };
    }
    const state = hasState ? after : undefined;
    const at = writeBlock(this.#writer, group, { isReset, state, entries });
    return { start: at - FRAME_HEADER_BYTES, bytes: this.#writer.length - at };
  }

  /** One write, one fdatasync. A failure ends the log, but for a disk that is full before the fdatasync. */
  async #write(): Promise<{ readonly segment: Segment; readonly place: FramePlace }> {
    const written = await this.#writeFrame();
    try {
      await written.segment.file.sync();
    } catch (error) {
      // The state of the disk is not known after any failure, nor what a later sync would say of it.
      const text = `raft log: fsync: ${errorMessage(error)}`;
      throw this.#fail(new KvError('INTERNAL', text, { cause: error }));
    }
    this.#sequence++;
    this.#syncs++;
    return written;
  }

  /**
   * On a full disk some of the frame may have been written. Nothing of it counts: its checksum cannot match, and
   * the next frame takes its place and its number.
   */
  async #writeFrame(): Promise<{ readonly segment: Segment; readonly place: FramePlace }> {
    try {
      const length = sealedBytes(this.#writer.length);
      const segment = this.#segments.withRoom(length) ?? (await this.#segments.rotate(length));
      const frame = sealFrame(this.#writer, segment.number, this.#sequence + 1);
      return { segment, place: segment.write(frame, this.#sequence + 1) };
    } catch (error) {
      const failure = storageError(error, 'raft log');
      if (failure.code !== 'RESOURCE_EXHAUSTED') throw this.#fail(failure);
      this.#rewriter?.startOver();
      throw failure;
    }
  }

  #fail(failure: KvError): KvError {
    this.#failure = failure;
    return failure;
  }

  /** The append is durable by now: on a full disk old segments wait for the next one to give them up. */
  async #release(): Promise<void> {
    try {
      await this.#segments.release();
    } catch (error) {
      const failure = storageError(error, 'raft log');
      if (failure.code !== 'RESOURCE_EXHAUSTED') throw this.#fail(failure);
    }
  }

  #commit(staged: Staged, segment: Segment, frame: FramePlace): void {
    const { group, after, isReset, hasState, first, count, moved, start, bytes } = staged;
    const slot = this.#slots.get(group);
    if (after === undefined || isReset) slot?.runs.clear();
    if (after === undefined) {
      if (slot !== undefined) slot.stateIn.states--;
      this.#slots.delete(group);
      return;
    }
    const kept = slot ?? this.#addSlot(after, segment);
    if (count > 0) {
      const run: EntryRun = { segment, frame, first, end: first + count, start, bytes };
      if (moved) kept.runs.move(run);
      else kept.runs.append(run);
    }
    kept.runs.dropThrough(after.truncated.index);
    kept.log = after;
    if (!hasState) return;
    kept.stateIn.states--;
    kept.stateIn = segment;
    segment.states++;
  }

  #addSlot(log: GroupLog, segment: Segment): Slot {
    const slot = { log, runs: new EntryRuns(this.#segmentOf), stateIn: segment };
    segment.states++;
    this.#slots.set(log.group, slot);
    return slot;
  }
}

async function readRuns(
  runs: readonly EntryRun[],
  low: LogIndex,
  high: LogIndex,
  maxBytes: number,
): Promise<Entry[]> {
  const out: Entry[] = [];
  let bytes = 0;
  for (const run of runs) {
    for (const entry of await readRun(run, low, high)) {
      bytes += encodedEntryBytes(entry);
      if (out.length > 0 && bytes > maxBytes) return out;
      out.push(entry);
    }
  }
  return out;
}

async function readRun(run: EntryRun, low: LogIndex, high: LogIndex): Promise<Entry[]> {
  const payload = await run.segment.read(run.frame);
  try {
    const from = Math.max(low, run.first);
    const stored = storedEntries(payload, run, from, Math.min(high, run.end));
    return decodeStored({ ...stored, bytes: ownBytes(stored.bytes) });
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    const at = `frame at byte ${run.frame.offset}`;
    throw damage(run.segment.path, at, error);
  }
}

/** Entries that are kept must not keep a frame of other groups alive. */
function ownBytes(bytes: Uint8Array): Uint8Array {
  return bytes.length * 2 < bytes.buffer.byteLength ? bytes.slice() : bytes;
}

function appendedBytes(updates: readonly GroupUpdate[]): number {
  let bytes = 0;
  for (const { entries = [] } of updates) {
    for (const entry of entries) bytes += encodedEntryBytes(entry);
  }
  return bytes;
}
