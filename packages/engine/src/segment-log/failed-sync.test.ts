import { assert } from '@tinykv/base';
import { expect, it } from 'vitest';
import type { LogFile, LogFiles } from './log-files.js';
import { SegmentedRaftLog } from './segmented-raft-log.js';

/**
 * Files behind a page cache that treats a failed sync as Linux does: the pages count as clean from then on, so
 * the next sync succeeds without writing them.
 */
class CachedFiles implements LogFiles {
  readonly #files = new Map<string, CachedFile>();
  failSyncs = false;

  locate(name: string): string {
    return name;
  }

  list(): Promise<readonly string[]> {
    return Promise.resolve([...this.#files.keys()]);
  }

  create(name: string, bytes: number): Promise<LogFile> {
    const file = new CachedFile(this, bytes);
    this.#files.set(name, file);
    return Promise.resolve(file);
  }

  open(name: string): Promise<LogFile> {
    const file = this.#files.get(name);
    assert(file !== undefined, `no file ${name}`);
    return Promise.resolve(file);
  }

  rename(): Promise<void> {
    throw new Error('not needed here');
  }

  async remove(name: string): Promise<void> {
    this.#files.delete(name);
  }

  syncNames(): Promise<void> {
    return Promise.resolve();
  }

  losePower(): void {
    for (const file of this.#files.values()) file.losePower();
  }
}

class CachedFile implements LogFile {
  readonly size: number;
  readonly #files: CachedFiles;
  readonly #cache: Uint8Array;
  readonly #disk: Uint8Array;
  #dirty: { readonly start: number; readonly end: number }[] = [];

  constructor(files: CachedFiles, size: number) {
    this.#files = files;
    this.size = size;
    this.#cache = new Uint8Array(size);
    this.#disk = new Uint8Array(size);
  }

  write(offset: number, bytes: Uint8Array): void {
    this.#cache.set(bytes, offset);
    this.#dirty.push({ start: offset, end: offset + bytes.length });
  }

  async sync(): Promise<void> {
    const dirty = this.#dirty;
    this.#dirty = [];
    if (this.#files.failSyncs) throw new Error('EIO: i/o error, fdatasync');
    for (const { start, end } of dirty) {
      this.#disk.set(this.#cache.subarray(start, end), start);
    }
  }

  read(offset: number, length: number): Promise<Uint8Array> {
    return Promise.resolve(this.#cache.slice(offset, offset + length));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  losePower(): void {
    this.#dirty = [];
    this.#cache.set(this.#disk);
  }
}

const entry = (index: number, text: string) => ({
  type: 'EntryNormal' as const,
  index,
  term: 1,
  data: new TextEncoder().encode(text),
});

it.each([
  ['the first append of a log', 0],
  ['a later append', 3],
])('an append whose sync failed is durable once a restart has found it: %s', async (_, before) => {
  const files = new CachedFiles();
  const log = new SegmentedRaftLog(files, { segmentBytes: 65_536 });
  await log.open();
  for (let i = 1; i <= before; i++) await log.append([{ group: 1, entries: [entry(i, 'old')] }]);
  files.failSyncs = true;
  const lost = { group: 1, entries: [entry(before + 1, 'x'.repeat(10_000))] };
  await expect(log.append([lost])).rejects.toThrow('EIO');
  files.failSyncs = false;
  await log.close();

  const restarted = new SegmentedRaftLog(files, { segmentBytes: 65_536 });
  const found = await restarted.open();
  expect(found.map(({ lastIndex }) => lastIndex)).toEqual([before + 1]);
  await restarted.close();

  files.losePower();
  const again = new SegmentedRaftLog(files, { segmentBytes: 65_536 });
  expect((await again.open()).map(({ lastIndex }) => lastIndex)).toEqual([before + 1]);
  await again.close();
});
