import { CodecError } from '@tinykv/base';
import type { TermRun } from '@tinykv/raft';
import { damage } from '../damage.js';
import { type Frame, flippedByte, frameAt, laterFrame } from '../frame-format.js';
import { brokenInvariant, type GroupLog } from '../raft-log/group-log.js';
import { dataLoss } from '../raft-log/records.js';
import { type Block, type GroupFacts, readBlocks } from './block-format.js';
import { EntryRuns, type SegmentByNumber } from './entry-runs.js';
import type { FramePlace, Segment } from './segment.js';
import { decodeSegmentHeader, SEGMENT_HEADER_BYTES, type SegmentHeader } from './segment-header.js';
import { TermSpans, termSpansOf } from './term-spans.js';

/** A group, where its entries are, and which segment has its state. */
export interface Slot {
  log: GroupLog;
  readonly runs: EntryRuns;
  stateIn: Segment;
}

export interface Recovered {
  readonly slots: Map<number, Slot>;
  /** Of the last append that is there. */
  readonly sequence: number;
  /** Where that append stands; undefined when there is none. */
  readonly last: LastFrame | undefined;
}

interface LastFrame {
  readonly segment: Segment;
  readonly place: FramePlace;
}

/** A group of which not all has been read yet. */
interface Draft {
  readonly runs: EntryRuns;
  readonly terms: TermSpans;
  state: { readonly facts: GroupFacts; readonly segment: Segment } | undefined;
}

/**
 * Reads all segments in order and puts the groups together. Only the last append may be cut short, since each
 * is durable before the next begins: anything else that does not match its checksum is damage, and so is
 * an append of which just one bit is wrong. Rejects with DATA_LOSS.
 */
export async function recoverSegments(
  segments: readonly Segment[],
  segmentOf: SegmentByNumber,
): Promise<Recovered> {
  const drafts = new Map<number, Draft>();
  const draftOf = (group: number): Draft => {
    const known = drafts.get(group);
    if (known !== undefined) return known;
    const draft = { runs: new EntryRuns(segmentOf), terms: new TermSpans(), state: undefined };
    drafts.set(group, draft);
    return draft;
  };
  const headers = await Promise.all(segments.map(headerOf));
  let next = headers[0]?.firstSequence ?? 1;
  let last: LastFrame | undefined;
  for (const [i, segment] of segments.entries()) {
    const header = headers[i];
    const bytes = await segment.file.read(0, segment.file.size);
    checkHeader(segment, header, bytes, { next, isLast: i === segments.length - 1 });
    if (header === undefined) break;
    const end = takeFrames(segment, bytes, next, (frame, place) => {
      for (const block of blocksOf(segment, frame, place)) {
        take(draftOf(block.group), segment, place, block);
        if (block.destroyed) drafts.delete(block.group);
      }
      next = frame.sequence + 1;
      last = { segment, place };
    });
    segment.end = end;
    const follower = headers[i + 1];
    if (follower === undefined) checkTail(segment, bytes, next);
    else if (follower.firstSequence !== next) throw badFrame(segment, bytes);
  }
  const slots = new Map<number, Slot>();
  for (const [group, draft] of drafts) slots.set(group, finish(group, draft));
  return { slots, sequence: next - 1, last };
}

/** Undefined as well for the header of what a recycled file was before. */
async function headerOf({ number, file }: Segment): Promise<SegmentHeader | undefined> {
  const bytes = await file.read(0, Math.min(file.size, SEGMENT_HEADER_BYTES));
  const header = decodeSegmentHeader(bytes);
  return header === undefined || header.number < number ? undefined : header;
}

/** The last segment may have none: then a crash came while its first append was written. */
function checkHeader(
  segment: Segment,
  header: SegmentHeader | undefined,
  bytes: Uint8Array,
  { next, isLast }: { readonly next: number; readonly isLast: boolean },
): void {
  const file = segment.path;
  if (header === undefined) {
    const hasFrames = laterFrame(bytes, SEGMENT_HEADER_BYTES, segment.number, 0) !== undefined;
    if (!isLast || hasFrames) throw damage(file, 'its header does not match its checksum');
    return;
  }
  const isRight =
    header.number === segment.number &&
    header.fileBytes === segment.file.size &&
    header.firstSequence === next;
  if (!isRight) throw damage(file, `its header is that of segment ${header.number}`);
}

/** Frames with the sequences that follow; returns where they end. */
function takeFrames(
  segment: Segment,
  bytes: Uint8Array,
  first: number,
  visit: (frame: Frame, place: FramePlace) => void,
): number {
  let at = SEGMENT_HEADER_BYTES;
  for (let sequence = first; ; sequence++) {
    const frame = frameAt(bytes, at, segment.number);
    if (frame === undefined) return at;
    if (frame.sequence !== sequence) {
      const what = `append ${frame.sequence} in the place of ${sequence}`;
      throw damage(segment.path, `frame at byte ${at}: ${what}`);
    }
    visit(frame, { offset: at, bytes: frame.end - at });
    at = frame.end;
  }
}

function checkTail(segment: Segment, bytes: Uint8Array, next: number): void {
  const { number, end } = segment;
  const flipped = flippedByte(bytes, end, number);
  const later = laterFrame(bytes, end + 1, number, next);
  if (flipped !== undefined || later !== undefined) throw badFrame(segment, bytes);
}

function badFrame({ number, path, end }: Segment, bytes: Uint8Array): Error {
  const flipped = flippedByte(bytes, end, number);
  const why = flipped === undefined ? 'checksum mismatch' : `one bit of byte ${flipped} is flipped`;
  return damage(path, `frame at byte ${end}: ${why}`);
}

function blocksOf(segment: Segment, { payload }: Frame, { offset }: FramePlace): Block[] {
  try {
    return readBlocks(payload);
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    throw damage(segment.path, `frame at byte ${offset}`, error);
  }
}

function take(
  draft: Draft,
  segment: Segment,
  frame: FramePlace,
  { destroyed, isReset, state, entries }: Block,
): void {
  if (destroyed || isReset) {
    draft.runs.clear();
    draft.terms.clear();
  }
  if (entries !== undefined) {
    const { first, count, start, bytes, moved } = entries;
    const run = { segment, frame, first, end: first + count, start, bytes };
    if (moved) {
      draft.runs.move(run);
    } else {
      draft.runs.append(run);
      draft.terms.cut(first);
    }
    for (const span of termSpansOf(entries.entries)) draft.terms.put(span);
  }
  if (state === undefined) return;
  draft.state = { facts: state, segment };
  draft.runs.dropThrough(state.truncated.index);
  draft.terms.dropThrough(state.truncated.index);
}

function finish(group: number, { runs, terms, state }: Draft): Slot {
  if (state === undefined) throw lost(group, 'it has no state');
  const { facts, segment } = state;
  let lastIndex = facts.truncated.index;
  let term = facts.truncated.term;
  const termRuns: TermRun[] = [];
  for (const span of terms.spans) {
    if (span.first > lastIndex + 1) throw lost(group, `entry ${lastIndex + 1} is missing`);
    if (span.term < term) throw lost(group, `entry ${span.first} has term ${span.term}`);
    termRuns.push({ first: span.first, term: span.term });
    term = span.term;
    lastIndex = span.end - 1;
  }
  const log: GroupLog = { group, ...facts, lastIndex, termRuns };
  const broken = brokenInvariant(log);
  if (broken !== undefined) throw lost(group, broken);
  segment.states++;
  return { log, runs, stateIn: segment };
}

function lost(group: number, what: string): Error {
  return dataLoss(`group ${group}`, new Error(what));
}
