import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { utf8 } from '@tinykv/base';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { crashImage, type LogLengths, logLengths } from './conformance/crash-image.js';
import { kvEngineConformance } from './conformance/kv-engine.js';
import { scratchRoot } from './conformance/scratch.js';
import { LevelEngine } from './level-engine.js';

kvEngineConformance('LevelEngine', async () => {
  let path = await mkdtemp(join(scratchRoot, 'tinykv-level-'));
  /** What of the log a crash can't take. */
  let synced: LogLengths = new Map();
  const open = async (): Promise<LevelEngine> => {
    const opened = await LevelEngine.open(path);
    synced = logLengths(path);
    const write = opened.write.bind(opened);
    const barrier = opened.barrier.bind(opened);
    opened.write = async (batch, options) => {
      await write(batch, options);
      if (options.sync) synced = logLengths(path);
    };
    opened.barrier = async () => {
      await barrier();
      synced = logLengths(path);
    };
    return opened;
  };
  let engine = await open();
  return {
    engine,
    reopen: async () => {
      await engine.close();
      engine = await open();
      return engine;
    },
    crash: async (share) => {
      const image = crashImage(path, synced, share);
      await engine.close();
      await rm(path, { recursive: true });
      path = image;
      engine = await open();
      return engine;
    },
    cleanup: async () => {
      await engine.close();
      await rm(path, { recursive: true });
    },
  };
});

describe('LevelEngine', () => {
  let path: string;
  beforeEach(async () => {
    path = await mkdtemp(join(scratchRoot, 'tinykv-level-'));
  });
  afterEach(async () => {
    await rm(path, { recursive: true });
  });

  it('refuses a folder that is open elsewhere', async () => {
    const engine = await LevelEngine.open(path);
    await expect(LevelEngine.open(path)).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      message: expect.stringContaining(`in use by process ${process.pid}`),
    });
    await engine.close();
  });

  it('makes the folders on its way and reports what it cannot make', async () => {
    const engine = await LevelEngine.open(join(path, 'a', 'b'));
    await engine.close();
    await expect(LevelEngine.open(import.meta.filename)).rejects.toMatchObject({
      code: 'INTERNAL',
    });
  });

  it('takes barriers while logs rotate', async () => {
    const engine = await LevelEngine.open(path, { writeBufferBytes: 65_536 });
    const value = new Uint8Array(8_192).fill(1);
    for (let i = 0; i < 100; i++) {
      const batch = engine.batch();
      batch.put(utf8(String(i).padStart(4, '0')), value);
      await engine.write(batch, { sync: i % 3 === 0 });
    }
    await engine.barrier();
    expect((await readdir(path)).some((name) => name.endsWith('.ldb'))).toBe(true);
    await engine.close();
    const again = await LevelEngine.open(path);
    for (let i = 0; i < 100; i++) {
      expect(again.get(utf8(String(i).padStart(4, '0')))).toHaveLength(8_192);
    }
    expect(await again.approximateSize(utf8(''), utf8(''))).toBeGreaterThan(500_000);
    await again.close();
  });

  it('gives the space of what was deleted back, and says how much it went through', async () => {
    const engine = await LevelEngine.open(path, { writeBufferBytes: 1_048_576 });
    const stepBytes = 2_097_152;
    const key = (i: number): Uint8Array => utf8(`gone/with/a/long/prefix/${10_000 + i}`);
    const kept = utf8('kept');
    for (let i = 0; i < 10_000; i += 100) {
      const batch = engine.batch();
      for (let j = i; j < i + 100; j++) batch.put(key(j), noise(2_000, j));
      batch.put(kept, utf8('kept'));
      await engine.write(batch, { sync: false });
    }
    for (let i = 0; i < 10_000; i += 100) {
      const batch = engine.batch();
      for (let j = i; j < i + 100; j++) batch.delete(key(j));
      await engine.write(batch, { sync: false });
    }
    const before = await tableBytes();
    expect(before).toBeGreaterThan(15_000_000);
    const steps: number[] = [];
    let from: Uint8Array | undefined = utf8('gone');
    while (from !== undefined) {
      const { bytes, next } = await engine.reclaim(from, utf8('h'), stepBytes);
      steps.push(bytes);
      from = next;
    }
    const after = await tableBytes();
    console.log(`tables: ${before} bytes, ${after} after ${steps.length} steps`);
    expect(after).toBeLessThan(200_000);
    expect(steps.length).toBeGreaterThan(1);
    expect(steps.reduce((sum, bytes) => sum + bytes)).toBeGreaterThan(0.9 * (before - after));
    expect(engine.get(kept)).toEqual(Buffer.from('kept'));
    await engine.close();
    const again = await LevelEngine.open(path);
    expect(again.get(key(5_000))).toBeUndefined();
    expect(again.get(kept)).toEqual(Buffer.from('kept'));
    await again.close();
  });

  async function tableBytes(): Promise<number> {
    const tables = (await readdir(path)).filter((name) => name.endsWith('.ldb'));
    const sizes = await Promise.all(tables.map((name) => stat(join(path, name))));
    return sizes.reduce((sum, { size }) => sum + size, 0);
  }

  /** Bytes of its own for each value. */
  function noise(length: number, seed: number): Uint8Array {
    return new Uint8Array(length).map((_, i) => (i * 31 + seed * 17) & 0xff);
  }

  it('takes no more writes after a barrier has failed', async () => {
    const engine = await LevelEngine.open(path);
    const batch = engine.batch();
    batch.put(utf8('a'), utf8('1'));
    await engine.write(batch, { sync: false });
    // Without its folder a barrier cannot know what it leaves out.
    await rm(path, { recursive: true });
    await expect(engine.barrier()).rejects.toMatchObject({ code: 'INTERNAL' });
    await expect(engine.write(engine.batch(), { sync: false })).rejects.toThrow(/barrier/);
    await expect(engine.barrier()).rejects.toThrow(/barrier/);
    expect(engine.get(utf8('a'))).toEqual(Buffer.from('1'));
    await engine.close();
    await LevelEngine.open(path).then((again) => again.close());
  });

  it('has a bounded number of tables mapped, however many a scan reads', async () => {
    const engine = await LevelEngine.open(path, { writeBufferBytes: 65_536 });
    const value = new Uint8Array(1_000);
    for (let group = 0; group < 200; group++) {
      const batch = engine.batch();
      for (let i = 0; i < 100; i++)
        batch.put(utf8(String(group * 100 + i).padStart(6, '0')), value);
      await engine.write(batch, { sync: false });
    }
    const iterator = engine.iterator({ start: utf8(''), end: utf8('9') });
    let read = 0;
    for (;;) {
      const entries = await iterator.next(1_000);
      if (entries.length === 0) break;
      read += entries.length;
    }
    await iterator.close();
    expect(read).toBe(20_000);
    expect((await readdir(path)).filter((name) => name.endsWith('.ldb')).length).toBeGreaterThan(
      150,
    );
    // Where a system does not show what is mapped, nothing is counted.
    const maps = await readFile('/proc/self/maps', 'latin1').catch(() => '');
    const mapped = maps.split('\n').filter((line) => line.includes(path) && line.endsWith('.ldb'));
    expect(mapped.length > 0).toBe(maps !== '');
    expect(mapped.length).toBeLessThanOrEqual(128);
    await engine.close();
  });
});
