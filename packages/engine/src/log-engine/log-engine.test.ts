import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { EMPTY_BYTES, type KvReader, keyString, utf8 } from '@tinykv/base';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { kvEngineConformance } from '../conformance/kv-engine.js';
import { LogFolder } from '../conformance/log-folder.js';
import { NodeLogFiles } from '../segment-log/node-log-files.js';
import type { EngineFile } from './engine-files.js';
import { LogEngine } from './log-engine.js';
import { openLogEngine } from './node-log-engine.js';

kvEngineConformance('LogEngine', async () => (await LogFolder.create()).underTest());
// A few batches fill a segment, so that histories rotate and compact.
kvEngineConformance('LogEngine of small segments', async () =>
  (await LogFolder.create({ segmentBytes: 256 })).underTest(),
);

const SEGMENT_BYTES = 4_096;

describe('LogEngine', () => {
  let folder: LogFolder;
  beforeEach(async () => {
    folder = await LogFolder.create({ segmentBytes: SEGMENT_BYTES });
  });
  afterEach(() => folder.cleanup());

  const put = async (key: string, value: string, sync = false): Promise<void> => {
    const batch = folder.engine.batch();
    batch.put(utf8(key), utf8(value));
    await folder.engine.write(batch, { sync });
  };
  const remove = async (key: string): Promise<void> => {
    const batch = folder.engine.batch();
    batch.delete(utf8(key));
    await folder.engine.write(batch, { sync: false });
  };
  const segmentFiles = async (): Promise<string[]> =>
    (await readdir(folder.path)).filter((name) => name.endsWith('.data')).sort();
  const filesBytes = async (): Promise<number> => {
    const sizes = (await segmentFiles()).map(async (name) => stat(join(folder.path, name)));
    return (await Promise.all(sizes)).reduce((sum, { size }) => sum + size, 0);
  };
  /** Overwrites a few keys until files have gone. */
  const churn = async (rounds: number): Promise<void> => {
    for (let i = 0; i < rounds; i++) await put(`churn${i % 4}`, String(i).padEnd(200, '.'));
  };

  it('refuses a folder that is open elsewhere', async () => {
    await expect(openLogEngine(folder.path)).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      message: expect.stringContaining(`in use by process ${process.pid}`),
    });
  });

  it('is full while its keys take more than their share of the heap, also when it is opened so', async () => {
    const options = { segmentBytes: SEGMENT_BYTES, heapBytes: 300 * 100 };
    await folder.engine.close();
    folder.engine = await openLogEngine(folder.path, options);
    // 280 bytes and the key's own for each.
    for (let i = 0; i < 105; i++) await put(`key ${String(i).padStart(3, '0')}`, 'x');
    for (let i = 0; i < 105; i++) await put(`key ${String(i).padStart(3, '0')}`, 'y');
    expect(folder.engine.full).toContain('memory full: the keys take 30135 bytes of the heap');
    await folder.engine.close();
    folder.engine = await openLogEngine(folder.path, options);
    expect(folder.engine.full).toContain('30135 bytes');
    await remove('key 000');
    await remove('key 000');
    expect(folder.engine.full).toBeUndefined();
  });

  it('gives space back and keeps all that is live', async () => {
    for (let i = 0; i < 20; i++) await put(`cold${i}`, String(i).padEnd(100, '-'));
    await churn(1_000);
    await remove('cold7');
    await churn(400);
    const live = 20 * 120 + 4 * 220;
    expect(await filesBytes()).toBeLessThan(2 * live + 6 * SEGMENT_BYTES);
    expect((await segmentFiles())[0]).not.toBe('0000000001.data');
    const before = await contentOf(folder.engine);
    expect(before.size).toBe(19 + 4);
    expect(before.get('cold3')).toBe('3'.padEnd(100, '-'));
    expect(await contentOf(await folder.reopen())).toEqual(before);
  });

  it('gives the space of what was deleted back when asked, without more writes', async () => {
    for (let i = 0; i < 1_000; i++) await put(`gone${i}`, ''.padEnd(200, '-'));
    await put('kept', 'kept');
    const batch = folder.engine.batch();
    for (let i = 0; i < 1_000; i++) batch.delete(utf8(`gone${i}`));
    await folder.engine.write(batch, { sync: false });
    const before = await filesBytes();
    expect(before).toBeGreaterThan(20 * SEGMENT_BYTES);
    let from: Uint8Array | undefined = utf8('gone');
    for (let steps = 0; from !== undefined; steps++) {
      expect(steps).toBeLessThan(1_000);
      ({ next: from } = await folder.engine.reclaim(from, utf8('h'), SEGMENT_BYTES));
    }
    expect(await filesBytes()).toBeLessThan(3 * SEGMENT_BYTES);
    expect(await contentOf(await folder.reopen())).toEqual(new Map([['kept', 'kept']]));
  });

  it('keeps snapshots and iterators as they were while their segments go', async () => {
    for (let i = 0; i < 20; i++) await put(`key${i}`, String(i).padEnd(100, '-'));
    const before = await contentOf(folder.engine);
    const snapshot = folder.engine.snapshot();
    const iterator = folder.engine.iterator({ start: EMPTY_BYTES, end: EMPTY_BYTES });
    const first = await iterator.next(1);
    for (let i = 0; i < 20; i++) await remove(`key${i}`);
    await churn(400);
    expect((await segmentFiles())[0]).not.toBe('0000000001.data');
    expect(await contentOf(snapshot)).toEqual(before);
    expect(keyString(snapshot.get(utf8('key3'))!)).toBe('3'.padEnd(100, '-'));
    snapshot.close();
    expect([...first, ...(await iterator.next(100))]).toHaveLength(20);
    await iterator.close();
  });

  it('takes a batch that is longer than a segment, and compacts it', async () => {
    await put('long', 'x'.repeat(3 * SEGMENT_BYTES));
    await churn(10);
    await put('long', 'y'.repeat(3 * SEGMENT_BYTES));
    await churn(600);
    expect((await segmentFiles())[0]).not.toBe('0000000001.data');
    const engine = await folder.reopen();
    expect(engine.get(utf8('long'))).toEqual(utf8('y'.repeat(3 * SEGMENT_BYTES)));
  });

  it('starts from hints without looking at values, which are checked when they are read', async () => {
    for (let i = 0; i < 40; i++) await put(`key${i}`, `${i}`.padEnd(300, '='));
    await folder.engine.close();
    const file = join(folder.path, (await segmentFiles())[0]!);
    const bytes = await readFile(file);
    bytes[bytes.indexOf('3====') + 20]! ^= 1;
    await writeFile(file, bytes);
    folder.engine = await openLogEngine(folder.path, { segmentBytes: SEGMENT_BYTES });
    expect(() => folder.engine.get(utf8('key3'))).toThrow(
      expect.objectContaining({ code: 'DATA_LOSS', message: expect.stringContaining(file) }),
    );
    expect(folder.engine.get(utf8('key4'))).toHaveLength(300);
    const everything = { start: EMPTY_BYTES, end: EMPTY_BYTES };
    const iterator = folder.engine.iterator(everything);
    await expect(iterator.next(100)).rejects.toMatchObject({ code: 'DATA_LOSS' });
    await iterator.close();
    const keys = folder.engine.iterator({ ...everything, keysOnly: true });
    expect(await keys.next(100)).toHaveLength(40);
    await keys.close();
  });

  it('starts without hints, and writes them again', async () => {
    for (let i = 0; i < 40; i++) await put(`key${i}`, `${i}`.padEnd(300, '='));
    const before = await contentOf(folder.engine);
    await folder.engine.close();
    const hints = (await readdir(folder.path)).filter((name) => name.endsWith('.hint'));
    expect(hints.length).toBeGreaterThan(2);
    await rm(join(folder.path, hints[0]!));
    await writeFile(join(folder.path, hints[1]!), 'not a hint at all, but long enough');
    folder.engine = await openLogEngine(folder.path, { segmentBytes: SEGMENT_BYTES });
    expect(await contentOf(folder.engine)).toEqual(before);
    expect((await readdir(folder.path)).filter((name) => name.endsWith('.hint'))).toEqual(hints);
  });

  it('stops at damage that compaction meets, instead of writing it again', async () => {
    await put('cold', 'c'.repeat(100));
    await churn(60);
    const file = join(folder.path, '0000000001.data');
    const bytes = await readFile(file);
    bytes[bytes.indexOf('cccc')]! ^= 1;
    await writeFile(file, bytes);
    await expect(churn(400)).rejects.toMatchObject({ code: 'DATA_LOSS' });
    await expect(folder.engine.barrier()).rejects.toMatchObject({ code: 'DATA_LOSS' });
    expect(() => folder.engine.get(utf8('cold'))).toThrow(/damaged/);
  });

  it('writes again, before it syncs, what a crash left and no sync is known to have covered', async () => {
    await put('synced', 'a'.repeat(500), true);
    await put('marks what is synced', '', true);
    await put('not synced', 'b'.repeat(500));
    const image = await folder.image(1);
    const files = new RecordingFiles(image);
    const engine = await LogEngine.open({ files, rest: nextTurn });
    await engine.close();
    const file = await readFile(join(image, '0000000001.data'));
    const [written, synced] = files.events;
    expect(synced).toBe('sync');
    if (written === undefined || written === 'sync') throw new Error('nothing was written');
    expect(written.at + written.bytes.length).toBe(file.length);
    const text = Buffer.from(written.bytes);
    expect(text.equals(file.subarray(written.at))).toBe(true);
    expect(text.includes('bbbb')).toBe(true);
    expect(text.includes('aaaa')).toBe(false);
    await rm(image, { recursive: true });
  });

  it('takes nothing more once a write has failed', async () => {
    await put('a', '1', true);
    // Without its folder there is no place for the next segment.
    await rm(folder.path, { recursive: true });
    await expect(churn(100)).rejects.toMatchObject({ code: 'INTERNAL' });
    await expect(put('a', '2')).rejects.toThrow(/write to/);
    await expect(folder.engine.barrier()).rejects.toThrow(/write to/);
    expect(folder.engine.get(utf8('a'))).toEqual(utf8('1'));
    await folder.engine.close();
    folder = await LogFolder.create();
  });
});

/** The writes to files that were there before, and when they are synced. */
class RecordingFiles extends NodeLogFiles {
  readonly events: ('sync' | { readonly at: number; readonly bytes: Uint8Array })[] = [];

  override async open(name: string): Promise<EngineFile> {
    const file = await super.open(name);
    return {
      size: file.size,
      write: (at, bytes) => {
        this.events.push({ at, bytes: bytes.slice() });
        file.write(at, bytes);
      },
      truncate: (size) => file.truncate(size),
      sync: () => {
        this.events.push('sync');
        return file.sync();
      },
      read: (at, length) => file.read(at, length),
      readSync: (at, length) => file.readSync(at, length),
      close: () => file.close(),
    };
  }
}

async function contentOf(reader: KvReader): Promise<Map<string, string>> {
  const iterator = reader.iterator({ start: EMPTY_BYTES, end: EMPTY_BYTES });
  const content = new Map<string, string>();
  for (;;) {
    const page = await iterator.next(100);
    if (page.length === 0) break;
    for (const [key, value] of page) content.set(keyString(key), keyString(value));
  }
  await iterator.close();
  return content;
}
