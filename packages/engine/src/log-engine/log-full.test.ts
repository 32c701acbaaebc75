import { readdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fromUtf8, type KvError, Prng, utf8 } from '@tinykv/base';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LogFolder } from '../conformance/log-folder.js';
import { SmallDisk } from '../conformance/small-disk.js';
import { hintName } from './data-segment.js';
import type { LogEngine } from './log-engine.js';
import { openLogEngine } from './node-log-engine.js';

const SEGMENT_BYTES = 16_384;

async function put(engine: LogEngine, key: string, value: string, sync = false): Promise<void> {
  const batch = engine.batch();
  batch.put(utf8(key), utf8(value));
  await engine.write(batch, { sync });
}

async function remove(engine: LogEngine, key: string): Promise<void> {
  const batch = engine.batch();
  batch.delete(utf8(key));
  await engine.write(batch, { sync: true });
}

function readOf(engine: LogEngine, key: string): string | undefined {
  const value = engine.get(utf8(key));
  return value && fromUtf8(value);
}

describe('a hint that cannot be written', () => {
  let folder: LogFolder;
  let lost: KvError[];
  beforeEach(async () => {
    lost = [];
    const hintLost = (error: KvError): void => void lost.push(error);
    folder = await LogFolder.create({ segmentBytes: SEGMENT_BYTES, hintLost });
  });
  afterEach(() => folder.cleanup());

  it('is told of, and the engine goes on', async () => {
    // Every write to it finds no space.
    symlinkSync('/dev/full', join(folder.path, hintName(1)));
    for (let i = 0; i < 40; i++) await put(folder.engine, `k${i}`, String(i).repeat(500));
    expect(lost.map(({ code }) => code)).toEqual(['RESOURCE_EXHAUSTED']);
    expect(lost[0]!.message).toContain(hintName(1));
    for (let i = 0; i < 40; i++) expect(readOf(folder.engine, `k${i}`)).toBe(String(i).repeat(500));
  });
});

describe('a full disk under the log engine', () => {
  let disk: SmallDisk | undefined;
  let engine: LogEngine;
  const failures: KvError[] = [];
  const lost: KvError[] = [];
  const open = async (): Promise<void> => {
    engine = await openLogEngine(join(disk!.path, 'kv'), {
      segmentBytes: SEGMENT_BYTES,
      failed: (error) => failures.push(error),
      hintLost: (error) => lost.push(error),
    });
  };

  beforeEach(async (context) => {
    failures.length = 0;
    disk = SmallDisk.mount('2m');
    if (disk === undefined) context.skip();
    else await open();
  });
  afterEach(async () => {
    if (disk === undefined) return;
    disk.clear();
    await engine.close();
    disk.unmount();
  });

  it('refuses a write, which takes no effect, and takes it once there is room', async () => {
    await put(engine, 'a', 'before', true);
    disk!.fill();
    const long = 'x'.repeat(9_000);
    await expect(put(engine, 'a', long)).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
    await expect(put(engine, 'b', long)).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
    expect(readOf(engine, 'a')).toBe('before');
    disk!.clear();
    await put(engine, 'b', long);
    await remove(engine, 'a');
    expect(failures).toEqual([]);
    await engine.close();
    await open();
    expect(readOf(engine, 'a')).toBeUndefined();
    expect(readOf(engine, 'b')).toBe(long);
  });

  it('opens without the hints that there is no room for', async () => {
    // Its hint takes more than the spare that the lock of the folder gives up.
    const batch = engine.batch();
    for (let i = 0; i < 30; i++) batch.put(utf8(`${i}`.padEnd(4_000, '-')), utf8(`value ${i}`));
    await engine.write(batch, { sync: false });
    await put(engine, 'in another segment', '');
    await engine.close();
    rmSync(join(disk!.path, 'kv', hintName(1)));
    disk!.fill();
    lost.length = 0;
    await open();
    expect(lost.map(({ message }) => message)).toEqual([expect.stringContaining(hintName(1))]);
    for (let i = 0; i < 30; i++) {
      expect(readOf(engine, `${i}`.padEnd(4_000, '-'))).toBe(`value ${i}`);
    }
  });

  it('loses nothing acknowledged, whatever a segment was at when there was no room', async () => {
    const rng = new Prng(7);
    const model = new Map<string, string>();
    for (let round = 0; round < 12; round++) {
      for (let i = 0; i < 40; i++) {
        const key = `k${rng.int(0, 20)}`;
        const value = `${round}/${i}`.padEnd(rng.int(10, 6_000), '.');
        const done = await put(engine, key, value).then(
          () => true,
          (error: KvError) => {
            expect(error.code).toBe('RESOURCE_EXHAUSTED');
            return false;
          },
        );
        if (done) model.set(key, value);
        if (i === 15) disk!.fill();
        if (i === 30) disk!.clear();
      }
      if (round % 3 === 2) {
        await engine.close();
        await open();
      }
      for (const [key, value] of model) expect(readOf(engine, key)).toBe(value);
    }
    expect(failures).toEqual([]);
    // Compaction has gone on in spite of the rounds that found no room.
    const segments = readdirSync(join(disk!.path, 'kv')).filter((name) => name.endsWith('.data'));
    expect(segments[0]).not.toBe('0000000001.data');
  });
});
