import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Prng } from '@tinykv/base';
import { runs } from '@tinykv/base/testing/fuzz';
import type { Entry } from '@tinykv/raft';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { scratchRoot } from '../conformance/scratch.js';
import type { LogFile, LogFiles } from './log-files.js';
import { NodeLogFiles } from './node-log-files.js';
import { SegmentedRaftLog } from './segmented-raft-log.js';

const SEGMENT_BYTES = 2_048;

/** Files on a disk that may be full: then a write takes some of its bytes, and names are not made. */
class FullFiles implements LogFiles {
  readonly #files: LogFiles;
  /** The share of its bytes that a write still takes, in [0, 1); undefined while there is room. */
  full: number | undefined;
  /** Files take no room before they are written to, but their names may. */
  fullAtCreate = false;
  /** Only the sync fails. */
  fullAtSync = false;
  /** Renames need room as well. */
  fullAtRename = false;

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
    if (this.full !== undefined && this.fullAtCreate) {
      // The name is made, the size is not.
      await (await this.#files.create(name, 0)).close();
      throw noSpace();
    }
    return this.#wrap(await this.#files.create(name, bytes));
  }

  async open(name: string): Promise<LogFile> {
    return this.#wrap(await this.#files.open(name));
  }

  async rename(from: string, to: string): Promise<void> {
    if (this.fullAtRename) throw noSpace();
    await this.#files.rename(from, to);
  }

  remove(name: string): Promise<void> {
    return this.#files.remove(name);
  }

  syncNames(): Promise<void> {
    return this.#files.syncNames();
  }

  #wrap(file: LogFile): LogFile {
    return {
      size: file.size,
      write: (offset, bytes) => {
        const { full } = this;
        // Room is given by the block; the end mark of a frame lies within one.
        const length = Math.floor((bytes.length * (full ?? 1)) / 8) * 8;
        file.write(offset, full === undefined ? bytes : bytes.subarray(0, length));
        if (full !== undefined) throw noSpace();
      },
      sync: () => (this.fullAtSync ? Promise.reject(noSpace()) : file.sync()),
      read: (offset, length) => file.read(offset, length),
      close: () => file.close(),
    };
  }
}

function noSpace(): Error {
  return Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
}

function entry(index: number, size: number): Entry {
  return { term: 1, index, type: 'EntryNormal', data: new Uint8Array(size).fill(index) };
}

describe('a full disk under the log', () => {
  let path: string;
  let files: FullFiles;
  let log: SegmentedRaftLog;

  beforeEach(async () => {
    path = await mkdtemp(join(scratchRoot, 'tinykv-segments-'));
    await open();
  });

  afterEach(async () => {
    await log.close();
    await rm(path, { recursive: true });
  });

  async function open(): Promise<number> {
    files = new FullFiles(new NodeLogFiles(path));
    log = new SegmentedRaftLog(files, { segmentBytes: SEGMENT_BYTES });
    const [group] = await log.open();
    return group?.lastIndex ?? 0;
  }

  /** As after a power cut of a process that closed nothing. */
  async function reopen(): Promise<number> {
    await log.close();
    return open();
  }

  const append = (index: number, size: number): Promise<void> =>
    log.append([{ group: 1, entries: [entry(index, size)] }]);

  it.each([0, 0.3, 0.9])(
    'takes nothing of an append, and the same one once there is room, %d written',
    async (share) => {
      await append(1, 100);
      files.full = share;
      await expect(append(2, 200)).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
      await expect(append(2, 200)).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
      await expect(log.read(1, 2, 3, 1e6)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      expect(await log.read(1, 1, 2, 1e6)).toMatchObject([{ index: 1 }]);
      files.full = undefined;
      await append(2, 200);
      expect(await reopen()).toBe(2);
      expect(await log.read(1, 1, 3, 1e6)).toMatchObject([entry(1, 100), entry(2, 200)]);
    },
  );

  it('is survived by a process that dies meanwhile', async () => {
    await append(1, 100);
    files.full = 0.6;
    await expect(append(2, 1_000)).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
    expect(await reopen()).toBe(1);
    await append(2, 10);
    expect(await reopen()).toBe(2);
  });

  it('a shorter append in the place of the one that failed is found again', async () => {
    await append(1, 100);
    files.full = 0.9;
    await expect(append(2, 1_000)).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
    files.full = undefined;
    await append(2, 10);
    await append(3, 10);
    expect(await reopen()).toBe(3);
  });

  it.each([
    { share: 0, atCreate: false },
    { share: 0.9, atCreate: false },
    { share: 0, atCreate: true },
  ])(
    'a segment in which nothing is durable is not left behind by the next, %j',
    async ({ share, atCreate }) => {
      files.fullAtCreate = atCreate;
      for (let i = 1; i <= 3; i++) await append(i, 500);
      // Begins a segment; the frame after it fits no segment of the usual size.
      files.full = share;
      await expect(append(4, 600)).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
      files.full = undefined;
      await append(4, 3 * SEGMENT_BYTES);
      await append(5, 500);
      expect(await reopen()).toBe(5);
    },
  );

  it('gives segments up later when their names cannot be changed', async () => {
    files.fullAtRename = true;
    for (let i = 1; i <= 20; i++) {
      await log.append([
        {
          group: 1,
          entries: [entry(i, 500)],
          ...(i > 2 ? { truncate: { index: i - 2, term: 1 } } : {}),
        },
      ]);
    }
    files.fullAtRename = false;
    for (let i = 21; i <= 24; i++) await append(i, 500);
    expect(await reopen()).toBe(24);
  });

  it('still empties old segments when what it copied along could not be written', async () => {
    await log.append([{ group: 2, entries: [entry(1, 100)] }]);
    for (let i = 1; i <= 60; i++) {
      const truncate = { index: i - 2, term: 1 };
      const update = { group: 1, entries: [entry(i, 500)], ...(i > 2 ? { truncate } : {}) };
      files.full = 0.5;
      await expect(log.append([update])).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
      files.full = undefined;
      await log.append([update]);
    }
    expect(await files.list()).not.toContain('0000000001.seg');
    expect(await log.read(2, 1, 2, 1e6)).toMatchObject([{ index: 1 }]);
  });

  it('ends the log when it shows at the sync: what is durable is not known then', async () => {
    await append(1, 100);
    files.fullAtSync = true;
    await expect(append(2, 100)).rejects.toMatchObject({ code: 'INTERNAL' });
    files.fullAtSync = false;
    await expect(append(2, 100)).rejects.toMatchObject({ code: 'INTERNAL' });
  });

  it('loses nothing acknowledged, whatever fails and whenever the process dies', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.integer({ min: 5, max: 40 }), async (seed, steps) => {
        await log.close();
        await rm(path, { recursive: true });
        await open();
        const rng = new Prng(seed);
        let last = 0;
        let first = 1;
        for (let i = 0; i < steps; i++) {
          files.full = rng.int(0, 3) === 0 ? rng.float() * 0.99 : undefined;
          files.fullAtCreate = rng.int(0, 2) === 0;
          files.fullAtRename = rng.int(0, 4) === 0;
          const truncates = rng.int(0, 3) === 0 && last > first + 3;
          const update = {
            group: 1,
            entries: [entry(last + 1, rng.int(1, rng.int(0, 8) === 0 ? 3 * SEGMENT_BYTES : 700))],
            ...(truncates ? { truncate: { index: last - 1, term: 1 } } : {}),
          };
          try {
            await log.append([update]);
            last++;
            if (truncates) first = last - 1;
          } catch (error) {
            expect(error).toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
          }
          if (rng.int(0, 6) === 0) expect(await reopen()).toBe(last);
        }
        expect(await reopen()).toBe(last);
        if (last >= first)
          expect(await log.read(1, first, last + 1, 1e9)).toHaveLength(last + 1 - first);
      }),
      runs(20),
    );
  });
});
