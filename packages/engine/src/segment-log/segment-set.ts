import { assert, KvError } from '@tinykv/base';
import { damage } from '../damage.js';
import type { LogFile, LogFiles } from './log-files.js';
import { Segment, segmentName, segmentNumber } from './segment.js';
import { SEGMENT_HEADER_BYTES } from './segment-header.js';

/** Files that wait to be written again: enough for a burst, since making one takes longer. */
const SPARES_MAX = 4;
const SPARE_SUFFIX = '.free';

/**
 * The segments of a log, oldest first, the last of which is written to. What is given up at the old end is
 * renamed and written again: a file whose blocks exist costs the disk less than one that grows.
 */
export class SegmentSet {
  readonly #files: LogFiles;
  readonly #segmentBytes: number;
  readonly #segments: Segment[] = [];
  readonly #spares: { readonly name: string; readonly file: LogFile }[] = [];

  constructor(files: LogFiles, segmentBytes: number) {
    this.#files = files;
    this.#segmentBytes = segmentBytes;
  }

  /** Those of the folder, with nothing read of them yet. Rejects with DATA_LOSS when one is missing. */
  async open(): Promise<readonly Segment[]> {
    const names = [...(await this.#files.list())].sort();
    // A process that was killed leaves names which nobody has synced: what is appended must not go with them.
    await this.#files.syncNames();
    for (const name of names) {
      const number = segmentNumber(name);
      if (number !== undefined) {
        const last = this.#segments.at(-1);
        const isNext = last === undefined || number === last.number + 1;
        if (!isNext)
          throw damage(this.#files.locate(segmentName(last.number + 1)), 'it is missing');
        const file = await this.#files.open(name);
        this.#segments.push(new Segment(number, this.#files.locate(name), file));
      } else if (name.endsWith(SPARE_SUFFIX)) {
        this.#spares.push({ name, file: await this.#files.open(name) });
      } else {
        const path = this.#files.locate(name);
        throw new KvError('FAILED_PRECONDITION', `${path} is not a file of this log`);
      }
    }
    return this.#segments;
  }

  get segments(): readonly Segment[] {
    return this.#segments;
  }

  /** The segment of this number, which must not have been given up. */
  at(number: number): Segment {
    const segment = this.#segments[number - (this.#segments[0]?.number ?? number)];
    assert(segment?.number === number, () => `segment ${number} of the log is gone`);
    return segment;
  }

  get totalBytes(): number {
    return this.#segments.reduce((sum, { file }) => sum + file.size, 0);
  }

  get liveBytes(): number {
    return this.#segments.reduce((sum, { liveBytes }) => sum + liveBytes, 0);
  }

  /** The segment to which a frame of this size goes; undefined: {@link rotate} first. */
  withRoom(frameBytes: number): Segment | undefined {
    const last = this.#segments.at(-1);
    return last?.hasRoom(frameBytes) === true ? last : undefined;
  }

  /** Begins a segment with room for the frame. */
  async rotate(frameBytes: number): Promise<Segment> {
    // A disk that was full may have kept its first frame out: no segment is empty but the last.
    await this.dropEmpty();
    const number = (this.#segments.at(-1)?.number ?? 0) + 1;
    const bytes = Math.max(this.#segmentBytes, SEGMENT_HEADER_BYTES + frameBytes);
    const at = this.#spares.findIndex(({ file }) => file.size >= bytes);
    let file: LogFile;
    const spare = this.#spares[at];
    if (spare !== undefined) {
      await this.#files.rename(spare.name, segmentName(number));
      await this.#files.syncNames();
      this.#spares.splice(at, 1);
      file = spare.file;
    } else {
      file = await this.#files.create(segmentName(number), bytes);
      await this.#files.syncNames();
    }
    const segment = new Segment(number, this.#files.locate(segmentName(number)), file);
    this.#segments.push(segment);
    return segment;
  }

  /** Takes away the last segment if nothing in it is durable, not even its header. */
  async dropEmpty(): Promise<void> {
    const last = this.#segments.at(-1);
    if (last === undefined || !last.isEmpty) return;
    await this.#files.remove(segmentName(last.number));
    await this.#files.syncNames();
    this.#segments.pop();
    await last.file.close();
  }

  /** Gives up the oldest segments that nobody needs. Never the last one. */
  async release(): Promise<void> {
    for (let oldest = this.#segments[0]!; this.#segments.length > 1 && oldest.isFree; ) {
      await this.#recycle(oldest);
      this.#segments.shift();
      oldest = this.#segments[0]!;
    }
  }

  async #recycle({ number, file }: Segment): Promise<void> {
    const name = segmentName(number);
    if (file.size === this.#segmentBytes && this.#spares.length < SPARES_MAX) {
      const spare = { name: `${name}${SPARE_SUFFIX}`, file };
      await this.#files.rename(name, spare.name);
      await this.#files.syncNames();
      this.#spares.push(spare);
      return;
    }
    await this.#files.remove(name);
    await this.#files.syncNames();
    await file.close();
  }

  async close(): Promise<void> {
    const files = [...this.#segments, ...this.#spares].map(({ file }) => file);
    this.#segments.length = 0;
    this.#spares.length = 0;
    for (const file of files) await file.close();
  }
}
