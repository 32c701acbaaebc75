import { CodecError } from '@tinykv/base';
import type { LogDamage } from '@tinykv/raft';
import { damage } from '../damage.js';
import { outlineBlocks, type StoredEntries, storedEntries } from './block-format.js';
import { FrameReader, type PlacedFrame } from './frame-reader.js';
import type { Segment } from './segment.js';
import type { Slot } from './segment-recovery.js';
import type { SegmentSet } from './segment-set.js';

/** What is copied out of the oldest segment: entries of one group, its state, or both. */
export interface Move {
  readonly group: number;
  /** Valid until the next append. */
  readonly entries: StoredEntries | undefined;
  readonly withState: boolean;
}

/** Garbage that a log may keep, in segments. */
const SLACK_SEGMENTS = 4;
/** Bytes read of the oldest segment along with one append, besides … */
const STEP_BYTES = 65_536;
/** … so many for each byte that the append adds: half of what is read may be alive, and is written again. */
const READ_PER_APPENDED = 3;

/**
 * Bounds the space of a log: when its files take more than twice what is live and some slack, the oldest segment
 * is read from its beginning to its end, a little with each append, what is alive in it is copied to the newest, and
 * the segment goes. Each frame is read and checked once, however many groups have something in it, and the
 * bytes read with one append are bounded, whatever of them is alive.
 */
export class Rewriter {
  readonly #segments: SegmentSet;
  readonly #slots: ReadonlyMap<number, Slot>;
  readonly #slackBytes: number;
  #reader: FrameReader | undefined;
  /** Something alive in it cannot be read: it goes once the groups have truncated that. */
  #stuck: Segment | undefined;
  #damage: LogDamage[] = [];

  constructor(segments: SegmentSet, slots: ReadonlyMap<number, Slot>, segmentBytes: number) {
    this.#segments = segments;
    this.#slots = slots;
    this.#slackBytes = SLACK_SEGMENTS * segmentBytes;
  }

  /** See RaftLog.takeDamage. */
  takeDamage(): readonly LogDamage[] {
    const found = this.#damage;
    this.#damage = [];
    return found;
  }

  /** What an append that adds so many bytes takes along. What cannot be read stays where it is. */
  async next(appendedBytes: number): Promise<Move[]> {
    const source = this.#due();
    if (source === undefined) return [];
    if (this.#reader?.segment !== source || this.#reader.isDone) {
      // Of what was copied by an append that failed something may be left: then the segment is read again.
      this.#reader = this.#readerOf(source);
    }
    const reader = this.#reader;
    const moves: Move[] = [];
    const withState = new Set<number>();
    try {
      const frames = await reader.next(STEP_BYTES + READ_PER_APPENDED * appendedBytes);
      for (const placed of frames) this.#takeLive(source, placed, withState, moves);
    } catch (error) {
      // The file itself cannot be read.
      this.#noteDamage(source, 0, source.end, error);
      this.#reader = undefined;
    }
    if (this.#reader === undefined || reader.isDone) this.#takeStates(source, withState, moves);
    return moves;
  }

  /** What `next` gave last has not been written. */
  startOver(): void {
    this.#reader = undefined;
    this.#stuck = undefined;
  }

  /** The segment to empty, if there is one; starts on it when its turn comes. */
  #due(): Segment | undefined {
    const { segments } = this.#segments;
    const oldest = segments[0];
    if (oldest === undefined || segments.length < 2) return undefined;
    if (oldest.isUnneeded) return undefined;
    if (this.#reader?.segment === oldest && !this.#reader.isDone) return oldest;
    if (this.#stuck === oldest) return undefined;
    if (this.#reader?.segment === oldest) return oldest;
    const { totalBytes, liveBytes } = this.#segments;
    return totalBytes > 2 * liveBytes + this.#slackBytes ? oldest : undefined;
  }

  #readerOf(source: Segment): FrameReader {
    return new FrameReader(source, (offset, end) => {
      if (this.#nextLiveFrame(source, offset) === offset) {
        const what = `frame at byte ${offset}: checksum mismatch`;
        this.#noteDamage(source, offset, offset + 1, damage(source.path, what));
      }
      return Math.min(this.#nextLiveFrame(source, offset + 1) ?? source.end, end ?? source.end);
    });
  }

  /** Looks through all runs: only for a frame that is damaged. */
  #nextLiveFrame(source: Segment, offset: number): number | undefined {
    let next: number | undefined;
    for (const { runs } of this.#slots.values()) {
      const frame = runs.nextFrame(source, offset);
      if (frame !== undefined && (next === undefined || frame < next)) next = frame;
    }
    return next;
  }

  /** What is alive in frames that begin in [from, to) cannot be read. */
  #noteDamage(source: Segment, from: number, to: number, error: unknown): void {
    for (const [group, { runs }] of this.#slots) {
      const end = runs.endIn(source, from, to);
      if (end !== undefined) this.#damage.push({ group, through: end - 1, error });
    }
    this.#stuck = source;
  }

  #takeLive(
    source: Segment,
    { place, frame }: PlacedFrame,
    withState: Set<number>,
    moves: Move[],
  ): void {
    try {
      for (const { group, hasState, entries: block } of outlineBlocks(frame.payload)) {
        const slot = this.#slots.get(group);
        if (slot === undefined) continue;
        const isState = hasState && slot.stateIn === source && !withState.has(group);
        if (isState) withState.add(group);
        const run = block && slot.runs.find(block.first, source, place.offset, block.start);
        if (run !== undefined) {
          const low = Math.max(run.first, slot.log.truncated.index + 1);
          const entries = storedEntries(frame.payload, run, low, run.end);
          moves.push({ group, entries, withState: isState });
        } else if (isState) {
          moves.push({ group, entries: undefined, withState: true });
        }
      }
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      const { offset } = place;
      this.#noteDamage(
        source,
        offset,
        offset + 1,
        damage(source.path, `frame at byte ${offset}`, error),
      );
    }
  }

  /** States are in memory, so that those of damaged frames are not lost. */
  #takeStates(source: Segment, withState: Set<number>, moves: Move[]): void {
    for (const [group, { stateIn }] of this.#slots) {
      if (stateIn !== source || withState.has(group)) continue;
      moves.push({ group, entries: undefined, withState: true });
    }
  }
}
