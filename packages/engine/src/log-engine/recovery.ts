import { damage } from '../damage.js';
import { DataSegment, numberOf, segmentName } from './data-segment.js';
import type { EngineFiles } from './engine-files.js';
import type { HintFiles } from './hint-files.js';
import { HintWriter } from './hint-format.js';
import { KeyDirectory } from './key-directory.js';
import { mergeRuns, type RecordRun, type Rest, runsOf } from './record-merge.js';
import { lastContent, type SegmentContent, sealedContent } from './segment-content.js';
import { decodeSegmentHeader, SEGMENT_HEADER_BYTES, type SegmentHeader } from './segment-header.js';
import { removeSegment, SegmentSet } from './segment-set.js';

export interface Recovered {
  readonly segments: SegmentSet;
  readonly directory: KeyDirectory;
}

/** How a folder is recovered. */
export interface RecoveryHost {
  readonly segmentBytes: number;
  readonly hints: HintFiles;
  readonly rest: Rest;
}

/**
 * Reads what a folder holds, and mends what a crash explains: the end of the last segment, and segments that were
 * about to go. Rejects with DATA_LOSS for all else that is not right. Every record that is found is durable
 * when this resolves.
 */
export async function recover(files: EngineFiles, host: RecoveryHost): Promise<Recovered> {
  const numbers = await listFiles(files);
  // A process that was killed leaves names which nobody has synced: what is appended must not go with them.
  await files.syncNames();
  const open: DataSegment[] = [];
  try {
    for (const number of numbers.segments) open.push(await DataSegment.open(files, number));
    await dropUnborn(files, open, numbers);
    return await recoverSegments(files, open, numbers, host);
  } catch (error) {
    for (const segment of open) await segment.close();
    throw error;
  }
}

/** Numbers of what is there, in order. */
interface FileNumbers {
  readonly segments: readonly number[];
  readonly hints: readonly number[];
}

async function listFiles(files: EngineFiles): Promise<FileNumbers> {
  const numbers = { data: [] as number[], hint: [] as number[] };
  for (const name of [...(await files.list())].sort()) {
    if (name.startsWith('LOCK')) continue;
    const found = numberOf(name);
    if (found === undefined) throw damage(files.folder, `${name} is not a file of this engine`);
    numbers[found.kind].push(found.number);
  }
  return { segments: numbers.data, hints: numbers.hint };
}

/** A segment without a whole header, which is durable before the segment is used, came to nothing. */
async function dropUnborn(
  files: EngineFiles,
  open: DataSegment[],
  { hints }: FileNumbers,
): Promise<void> {
  const last = open.at(-1);
  if (last === undefined || !last.isEmpty || headerOf(last) !== undefined) return;
  if (hints.includes(last.number)) {
    throw damage(last.path, 'its header does not match its checksum');
  }
  open.pop();
  await last.close();
  await files.remove(segmentName(last.number));
}

async function recoverSegments(
  files: EngineFiles,
  open: DataSegment[],
  numbers: FileNumbers,
  host: RecoveryHost,
): Promise<Recovered> {
  const { segmentBytes, hints, rest } = host;
  const last = open.at(-1);
  if (last === undefined) {
    return beginFolder(files, open, numbers, host);
  }
  const { dropped: droppedBefore } = checkedHeader(last);
  // First of all, since it says which segments must not be looked at any more.
  const newest = await lastContent(hints, last);
  const dropped = Math.max(droppedBefore, newest.dropped);
  await finishDrops(files, open, numbers, { dropped, hintFiles: hints });
  const draft = new DirectoryDraft(rest);
  for (const [i, segment] of open.slice(0, -1).entries()) {
    checkedHeader(segment);
    checkLength(segment, checkedHeader(open[i + 1]!));
    const content = await sealedContent(hints, segment);
    await draft.take(segment, content);
    if (content.isFromHint) continue;
    const facts = { segment: segment.number, segmentBytes: segment.end, dropped: content.dropped };
    await hints.write(segment.number, new HintWriter(content.records).finish(facts));
  }
  await draft.take(last, newest);
  if (newest.end < last.end) last.cut(newest.end);
  last.rewrite(newest.durable);
  await last.sync();
  const found = { segments: open, dropped, hints, hint: new HintWriter(newest.records) };
  return { segments: new SegmentSet(files, segmentBytes, found), directory: await draft.finish() };
}

async function beginFolder(
  files: EngineFiles,
  open: DataSegment[],
  { hints: orphans }: FileNumbers,
  { segmentBytes, hints }: RecoveryHost,
): Promise<Recovered> {
  if (orphans.length > 0) throw damage(files.locate(segmentName(orphans[0]!)), 'it is missing');
  open.push(await DataSegment.create(files, { number: 1, previousBytes: 0, dropped: 0 }));
  await files.syncNames();
  const found = { segments: open, dropped: 0, hints, hint: new HintWriter() };
  const segments = new SegmentSet(files, segmentBytes, found);
  return { segments, directory: new KeyDirectory() };
}

function headerOf(segment: DataSegment): SegmentHeader | undefined {
  return decodeSegmentHeader(segment.read(0, Math.min(segment.end, SEGMENT_HEADER_BYTES)));
}

function checkedHeader(segment: DataSegment): SegmentHeader {
  const header = headerOf(segment);
  if (header === undefined) throw damage(segment.path, 'its header does not match its checksum');
  if (header.number !== segment.number) {
    throw damage(segment.path, `its header is that of segment ${header.number}`);
  }
  return header;
}

/** Each segment says how long the one before it is. */
function checkLength({ path, end }: DataSegment, { previousBytes }: SegmentHeader): void {
  if (end === previousBytes) return;
  throw damage(path, `it has ${end} bytes, the next segment tells of ${previousBytes}`);
}

/** Removes the files that are not needed, and sees to it that all others are there. */
async function finishDrops(
  files: EngineFiles,
  open: DataSegment[],
  { segments, hints }: FileNumbers,
  { dropped, hintFiles }: { readonly dropped: number; readonly hintFiles: HintFiles },
): Promise<void> {
  while (open[0]!.number <= dropped) await open.shift()!.close();
  for (const number of [...segments, ...hints]) {
    if (number <= dropped) await removeSegment(files, hintFiles, number);
  }
  const last = open.at(-1)!.number;
  const there = new Set(open.map(({ number }) => number));
  for (let number = dropped + 1; number <= Math.max(last, ...hints); number++) {
    if (!there.has(number)) throw damage(files.locate(segmentName(number)), 'it is missing');
  }
}

/** Gathers what segments hold, from the oldest on, without an object for each record. */
class DirectoryDraft {
  readonly #runs: RecordRun[] = [];
  readonly #rest: Rest;

  constructor(rest: Rest) {
    this.#rest = rest;
  }

  async take(segment: DataSegment, { records }: SegmentContent): Promise<void> {
    for await (const run of runsOf(segment, records, this.#runs.length, this.#rest)) {
      this.#runs.push(run);
    }
  }

  async finish(): Promise<KeyDirectory> {
    const directory = new KeyDirectory();
    await mergeRuns(this.#runs, (key, place) => directory.append(key, place), this.#rest);
    return directory;
  }
}
