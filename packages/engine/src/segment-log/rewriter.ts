import type { LogIndex } from '@tinykv/base';
import type { Entry, LogDamage } from '@tinykv/raft';
import { readEntries } from './block-format.js';
import type { EntryRun } from './entry-runs.js';
import type { Segment } from './segment.js';
import type { Slot } from './segment-recovery.js';
import type { SegmentSet } from './segment-set.js';

/** What is copied out of the oldest segment: entries of one group, its state, or both. */
export interface Move {
  readonly group: number;
  readonly entries: readonly Entry[];
  readonly withState: boolean;
}

/** Garbage that a log may keep, in segments. */
const SLACK_SEGMENTS = 4;
/** Bytes copied along with one append. */
const STEP_BYTES = 262_144;

/**
 * Bounds the space of a log: when its files take more than twice what is live and some slack, what is left in
 * the oldest segment is copied to the newest, a little with each append, and the segment goes. Each byte is
 * copied once for every byte of garbage that goes, at most.
 */
export class Rewriter {
  readonly #segments: SegmentSet;
  readonly #slots: ReadonlyMap<number, Slot>;
  readonly #slackBytes: number;
  #source: Segment | undefined;
  /** Groups that may have something in the source. */
  #groups: number[] = [];
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

  /** What the next append takes along. What can't be read stays: the segment goes when its group truncates it. */
  async next(): Promise<Move[]> {
    const source = this.#due();
    const moves: Move[] = [];
    if (source === undefined) return moves;
    let budget = STEP_BYTES;
    for (let group = this.#groups.at(-1); group !== undefined; group = this.#groups.at(-1)) {
      for (const { move, bytes } of await this.#movesOf(group, source, budget)) {
        moves.push(move);
        budget -= bytes;
      }
      // There may be more of this group, which the append after this one takes.
      if (budget <= 0) return moves;
      this.#groups.pop();
    }
    return moves;
  }

  /** What `next` gave last has not been written. */
  startOver(): void {
    this.#source = undefined;
  }

  /** The segment to empty, if there is one; starts on it when its turn comes. */
  #due(): Segment | undefined {
    const { segments } = this.#segments;
    const oldest = segments[0];
    if (oldest === undefined || segments.length < 2) return undefined;
    if (this.#source === oldest) return oldest;
    const { totalBytes, liveBytes } = this.#segments;
    if (totalBytes <= 2 * liveBytes + this.#slackBytes) return undefined;
    this.#source = oldest;
    this.#groups = [];
    for (const [group, { runs, stateIn }] of this.#slots) {
      const isIn = stateIn === oldest || runs.runs.some(({ segment }) => segment === oldest);
      if (isIn) this.#groups.push(group);
    }
    return oldest;
  }

  async #movesOf(group: number, source: Segment, budget: number): Promise<SizedMove[]> {
    const slot = this.#slots.get(group);
    if (slot === undefined) return [];
    const out: SizedMove[] = [];
    let bytes = 0;
    if (slot.stateIn === source) out.push({ move: { group, entries: [], withState: true }, bytes });
    for (const run of slot.runs.runs) {
      if (run.segment !== source) continue;
      if (bytes >= budget) break;
      const low = Math.max(run.first, slot.log.truncated.index + 1);
      const entries = await this.#read(group, source, run, low);
      bytes += run.bytes;
      if (entries === undefined) continue;
      out.push({ move: { group, entries, withState: false }, bytes: run.bytes });
    }
    return out;
  }

  /** Undefined when they can't be read. */
  async #read(
    group: number,
    source: Segment,
    run: EntryRun,
    low: LogIndex,
  ): Promise<readonly Entry[] | undefined> {
    try {
      return readEntries(await source.read(run.frame), run, low, run.end);
    } catch (error) {
      this.#damage.push({ group, through: run.end - 1, error });
      return undefined;
    }
  }
}

interface SizedMove {
  readonly move: Move;
  readonly bytes: number;
}
