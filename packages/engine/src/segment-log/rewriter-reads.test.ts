import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Entry, GroupUpdate } from '@tinykv/raft';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { scratchRoot } from '../conformance/scratch.js';
import type { LogFile, LogFiles } from './log-files.js';
import { NodeLogFiles } from './node-log-files.js';
import { SegmentedRaftLog } from './segmented-raft-log.js';

const SEGMENT_BYTES = 262_144;
const GROUPS = 1_000;
const BUSY = GROUPS + 1;
/** What the rewriter may read with an append of little. */
const READ_BYTES_MAX = 80_000;

describe('the reads of a log that many groups share', () => {
  let path: string;
  let files: CountingFiles;
  let log: SegmentedRaftLog;

  beforeEach(async () => {
    path = await mkdtemp(join(scratchRoot, 'tinykv-segments-'));
    files = new CountingFiles(new NodeLogFiles(path));
    log = new SegmentedRaftLog(files, { segmentBytes: SEGMENT_BYTES });
    await log.open();
  });

  afterEach(async () => {
    await log.close();
    await rm(path, { recursive: true });
  });

  it('are bounded with each append, and take each frame once, however many groups share it', async () => {
    // Every frame has something of every group, and all of it is kept.
    for (let i = 1; i <= 5; i++) {
      const updates: GroupUpdate[] = [];
      for (let group = 1; group <= GROUPS; group++)
        updates.push({ group, entries: [entry(i, 20)] });
      await log.append(updates);
    }
    files.readBytes = 0;
    let most = 0;
    for (let i = 1; i <= 2_000; i++) {
      const before = files.readBytes;
      const truncate = i > 2 ? { truncate: { index: i - 2, term: 1 } } : {};
      await log.append([{ group: BUSY, entries: [entry(i, 2_000)], ...truncate }]);
      most = Math.max(most, files.readBytes - before);
    }
    expect(files.readBytes).toBeGreaterThan(SEGMENT_BYTES);
    expect(most).toBeLessThanOrEqual(READ_BYTES_MAX);
    // Half of what is read may be alive, and is written and read once more.
    expect(files.readBytes).toBeLessThanOrEqual(2 * 2_000 * 2_100);
    for (let group = 1; group <= GROUPS; group += 37) {
      const kept = await log.read(group, 1, 6, 1e6);
      expect(kept.map(({ index, data }) => [index, data[0]])).toEqual(
        [1, 2, 3, 4, 5].map((index) => [index, index]),
      );
    }
  });

  it('take a frame that is longer than the bound in parts', async () => {
    await log.append([{ group: 1, entries: [entry(1, 3 * SEGMENT_BYTES)] }]);
    await log.append([{ group: 2, entries: [entry(1, 100)] }]);
    await log.append([{ group: 1, truncate: { index: 1, term: 1 } }]);
    files.readBytes = 0;
    let most = 0;
    for (let i = 2; i <= 2_000; i++) {
      const before = files.readBytes;
      const truncate = { truncate: { index: i - 1, term: 1 } };
      await log.append([{ group: 1, entries: [entry(i, 1_000)], ...truncate }]);
      most = Math.max(most, files.readBytes - before);
    }
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(READ_BYTES_MAX);
    expect(await log.read(2, 1, 2, 1e6)).toMatchObject([{ index: 1 }]);
  });

  it('of a group are bounded by what is asked for, though it has little in each frame', async () => {
    for (let i = 1; i <= 40; i++) {
      const updates: GroupUpdate[] = [];
      for (let group = 1; group <= 100; group++) updates.push({ group, entries: [entry(i, 200)] });
      await log.append(updates);
    }
    files.readBytes = 0;
    const found = await log.read(7, 1, 41, 50_000);
    expect(found.length).toBeGreaterThan(4);
    expect(found.map(({ index }) => index)).toEqual(found.map((_, i) => i + 1));
    expect(files.readBytes).toBeLessThanOrEqual(5 * 50_000);
  });

  // A byte of the header of the first frame, and one of its body.
  it.each([40, 100])('pass by damage at byte %i where nobody needs the frame', async (at) => {
    await log.append([{ group: 1, entries: [entry(1, 500)] }]);
    await log.append([{ group: 2, entries: [entry(1, 500)] }]);
    await log.append([{ group: 1, truncate: { index: 1, term: 1 } }]);
    await damage(at);
    await churn(2, 2_000);
    expect(await log.read(2, 1, 2, 1e6)).toMatchObject([{ index: 1 }]);
    await log.close();
    log = new SegmentedRaftLog(files, { segmentBytes: SEGMENT_BYTES });
    expect(await log.open()).toHaveLength(2);
  });

  it.each([40, 100])('report damage at byte %i that somebody needs once, and go on', async (at) => {
    await log.append([{ group: 3, entries: [entry(1, 500)] }]);
    await log.append([{ group: 4, entries: [entry(1, 500)] }]);
    await damage(at);
    await churn(1, 2_000);
    expect(log.takeDamage()).toMatchObject([
      { group: 3, through: 1, error: { code: 'DATA_LOSS' } },
    ]);
    await churn(2_001, 500);
    expect(log.takeDamage()).toEqual([]);
    expect(await log.read(4, 1, 2, 1e6)).toMatchObject([{ index: 1 }]);
    // Once the group has forgotten what cannot be read, the segment goes, and its state is not lost.
    await log.append([{ group: 3, truncate: { index: 1, term: 1 } }]);
    await churn(2_501, 100);
    expect((await readdir(path)).includes('0000000001.seg')).toBe(false);
    await log.close();
    log = new SegmentedRaftLog(files, { segmentBytes: SEGMENT_BYTES });
    expect((await log.open()).map(({ group }) => group).sort()).toEqual([1, 3, 4]);
  });

  /** Flips bits of the first segment. */
  async function damage(at: number): Promise<void> {
    const file = join(path, '0000000001.seg');
    const bytes = await readFile(file);
    bytes[at]! ^= 0x55;
    await writeFile(file, bytes);
  }

  /** Group 1 appends and truncates until its first segments are written again. */
  async function churn(first: number, appends: number): Promise<void> {
    for (let i = first; i < first + appends; i++) {
      const truncate = i > 1 ? { truncate: { index: i - 1, term: 1 } } : {};
      await log.append([{ group: 1, entries: [entry(i, 1_000)], ...truncate }]);
    }
  }
});

function entry(index: number, size: number): Entry {
  return { term: 1, index, type: 'EntryNormal', data: new Uint8Array(size).fill(index) };
}

/** Counts the bytes that are read. */
class CountingFiles implements LogFiles {
  readonly #files: LogFiles;
  readBytes = 0;

  constructor(files: LogFiles) {
    this.#files = files;
  }

  locate(name: string): string {
    return this.#files.locate(name);
  }

  list(): Promise<readonly string[]> {
    return this.#files.list();
  }

  async create(name: string, bytes: number): Promise<LogFile> {
    return this.#counted(await this.#files.create(name, bytes));
  }

  async open(name: string): Promise<LogFile> {
    return this.#counted(await this.#files.open(name));
  }

  rename(from: string, to: string): Promise<void> {
    return this.#files.rename(from, to);
  }

  remove(name: string): Promise<void> {
    return this.#files.remove(name);
  }

  syncNames(): Promise<void> {
    return this.#files.syncNames();
  }

  #counted(file: LogFile): LogFile {
    return {
      size: file.size,
      write: (offset, bytes) => file.write(offset, bytes),
      sync: () => file.sync(),
      read: (offset, length) => {
        this.readBytes += length;
        return file.read(offset, length);
      },
      close: () => file.close(),
    };
  }
}
