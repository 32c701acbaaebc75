import { cp, mkdtemp, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EMPTY_BYTES, fromUtf8, KvError, utf8 } from '@tinykv/base';
import { isLongRun } from '@tinykv/base/testing/fuzz';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { scratchRoot } from '../conformance/scratch.js';
import type { LogEngine } from './log-engine.js';
import { openLogEngine } from './node-log-engine.js';

/** Two batches fill one. */
const SEGMENT_BYTES = 230;
const BATCHES = 6;
/** Bits are flipped at this distance: at full size each of them, else every place of a byte all the same. */
const [LAST_STEP, OTHER_STEP] = isLongRun ? [1, 1] : [5, 37];

/** Key → value, or what a read of it says. */
type Content = Readonly<Record<string, string>>;

describe('a folder of LogEngine', () => {
  let root: string;
  /** The folder as it was written, closed cleanly, and the same as a crash leaves it: without its last hint. */
  let clean: string;
  let crashed: string;
  /** `states[n]`: after n batches. */
  let states: Content[];
  /** Byte at which each batch of the last segment ends. */
  let ends: number[];
  let last: string;

  beforeEach(async () => {
    root = await mkdtemp(join(scratchRoot, 'tinykv-log-'));
    clean = join(root, 'clean');
    const engine = await openLogEngine(clean, { segmentBytes: SEGMENT_BYTES });
    states = [{}];
    ends = [];
    for (let i = 1; i <= BATCHES; i++) {
      const batch = engine.batch();
      const state = { ...states.at(-1)!, [`key${i}`]: `value ${i}`, same: `${i}` };
      for (const key of [`key${i}`, 'same']) batch.put(utf8(key), utf8(state[key]!));
      if (i % 3 === 0) {
        batch.delete(utf8(`key${i - 1}`));
        delete state[`key${i - 1}`];
      }
      await engine.write(batch, { sync: false });
      states.push(state);
      const [name, bytes] = await lastSegment(clean);
      if (name !== last) ends = [];
      last = name;
      ends.push(bytes);
    }
    await engine.close();
    crashed = join(root, 'crashed');
    await cp(clean, crashed, { recursive: true });
    await rm(join(crashed, last.replace('.data', '.hint')));
  });
  afterEach(() => rm(root, { recursive: true }));

  /** What a copy of the folder gives, with one file changed. */
  const after = async (from: string, change: (path: string) => Promise<void>) => {
    const path = join(root, 'copy');
    await cp(from, path, { recursive: true });
    try {
      await change(path);
      return await contentOf(path);
    } catch (error) {
      if (error instanceof KvError) return error;
      throw error;
    } finally {
      await rm(path, { recursive: true });
    }
  };

  it('has segments, and more than one batch in the last', () => {
    expect(last).toBe('0000000003.data');
    expect(ends.length).toBeGreaterThan(1);
  });

  it('is a prefix of its batches wherever the last segment is cut off', async () => {
    const whole = ends.at(-1)!;
    for (let bytes = 0; bytes <= whole; bytes++) {
      const lost = ends.filter((end) => end > bytes).length;
      const cut = (path: string): Promise<void> => truncate(join(path, last), bytes);
      expect(await after(crashed, cut), `${bytes}`).toEqual(states[BATCHES - lost]);
      // With a hint it is known how long the file was when all of it was durable.
      if (bytes < whole) expect(await after(clean, cut)).toMatchObject({ code: 'DATA_LOSS' });
    }
  });

  it('is written on after a cut, and takes what is written for what it is', async () => {
    const path = join(root, 'copy');
    await cp(crashed, path, { recursive: true });
    await truncate(join(path, last), ends.at(-1)! - 1);
    for (const value of ['first', 'second']) {
      const engine = await openLogEngine(path, { segmentBytes: SEGMENT_BYTES });
      const batch = engine.batch();
      batch.put(utf8('same'), utf8(value));
      await engine.write(batch, { sync: true });
      await engine.close();
    }
    expect(await contentOf(path)).toEqual({ ...states[BATCHES - 1], same: 'second' });
  });

  it('never gives a wrong answer, whichever bit of it is flipped', async () => {
    const whole = states[BATCHES]!;
    let refusedInLast = 0;
    for (const from of [clean, crashed]) {
      for (const name of (await readdir(from)).filter((each) => !each.startsWith('LOCK'))) {
        const bytes = await readFile(join(from, name));
        const isLast = from === crashed && name === last;
        for (let bit = 0; bit < bytes.length * 8; bit += isLast ? LAST_STEP : OTHER_STEP) {
          const flipped = Uint8Array.from(bytes);
          flipped[bit >> 3]! ^= 1 << (bit & 7);
          const found = await after(from, (path) => writeFile(join(path, name), flipped));
          if (found instanceof KvError) {
            expect(found).toMatchObject({ code: 'DATA_LOSS' });
            if (isLast) refusedInLast++;
            continue;
          }
          // A hint that is damaged is not needed; what a hint replaces is looked at when it is read.
          expect(Object.keys(found).sort()).toEqual(Object.keys(whole).sort());
          for (const [key, value] of Object.entries(found)) {
            expect([whole[key], 'DATA_LOSS'], `${name} ${bit}`).toContain(value);
          }
        }
      }
    }
    expect(refusedInLast).toBe(Math.ceil((ends.at(-1)! * 8) / LAST_STEP));
  });

  it('is refused without one of its segments, or with one in the place of another', async () => {
    for (const name of ['0000000001.data', '0000000002.data']) {
      const missing = await after(crashed, (path) => rm(join(path, name)));
      expect(missing).toMatchObject({ code: 'DATA_LOSS', message: expect.stringContaining(name) });
      const swapped = await after(crashed, (path) => rename(join(path, last), join(path, name)));
      expect(swapped).toMatchObject({ code: 'DATA_LOSS' });
    }
    const noLast = await after(clean, (path) => rm(join(path, last)));
    expect(noLast).toMatchObject({ code: 'DATA_LOSS' });
    // Without its hint nobody can tell that it was ever there.
    const unknown = await after(crashed, (path) => rm(join(path, last)));
    expect(unknown).toEqual(states[BATCHES - ends.length]);
  });

  it('is refused when a segment that others follow is cut short', async () => {
    const found = await after(crashed, (path) => truncate(join(path, '0000000001.data'), 200));
    expect(found).toMatchObject({ code: 'DATA_LOSS' });
  });

  it('is refused when it holds something else', async () => {
    const found = await after(clean, (path) => writeFile(join(path, 'CURRENT'), ''));
    expect(found).toMatchObject({ message: expect.stringContaining('CURRENT is not a file') });
  });
});

describe('the last segment of LogEngine', () => {
  let path: string;
  let engine: LogEngine;
  beforeEach(async () => {
    path = await mkdtemp(join(scratchRoot, 'tinykv-log-'));
    engine = await openLogEngine(path);
  });
  afterEach(() => rm(path, { recursive: true }));

  const put = async (key: string, sync: boolean): Promise<number> => {
    const batch = engine.batch();
    batch.put(utf8(key), utf8(key.repeat(50)));
    await engine.write(batch, { sync });
    return (await lastSegment(path))[1];
  };
  /** Zeros instead of what was written there, as a lost sector leaves them. */
  const crashWithHole = async (from: number, to: number): Promise<void> => {
    const file = join(path, '0000000001.data');
    const bytes = await readFile(file);
    await engine.close();
    await rm(join(path, '0000000001.hint'));
    await writeFile(file, bytes.fill(0, from, to));
  };

  it('is cut off at a hole that no sync had covered, though more is written behind it', async () => {
    const start = await put('a', true);
    const end = await put('b', false);
    await put('c', false);
    await crashWithHole(start + 30, end);
    expect(Object.keys(await contentOf(path))).toEqual(['a']);
  });

  it('is refused when a later batch tells that a sync had covered the hole', async () => {
    const start = await put('a', false);
    const end = await put('b', true);
    await put('c', false);
    await crashWithHole(start + 30, end);
    await expect(contentOf(path)).rejects.toMatchObject({ code: 'DATA_LOSS' });
  });

  it('does not take the frames in a value for its own', async () => {
    await put('a', true);
    await put('b', true);
    const start = await put('c', false);
    const batch = engine.batch();
    batch.put(utf8('copy'), await readFile(join(path, '0000000001.data')));
    await engine.write(batch, { sync: false });
    const end = (await lastSegment(path))[1];
    await crashWithHole(end - 40, end);
    expect(Object.keys(await contentOf(path))).toEqual(['a', 'b', 'c']);
    expect((await lastSegment(path))[1]).toBe(start);
  });
});

async function lastSegment(path: string): Promise<[name: string, bytes: number]> {
  const name = (await readdir(path))
    .filter((file) => file.endsWith('.data'))
    .sort()
    .at(-1)!;
  return [name, (await readFile(join(path, name))).length];
}

/** All keys; a value that cannot be read is the code of its error. */
async function contentOf(path: string): Promise<Content> {
  const engine = await openLogEngine(path, { segmentBytes: SEGMENT_BYTES });
  try {
    const iterator = engine.iterator({ start: EMPTY_BYTES, end: EMPTY_BYTES, keysOnly: true });
    const keys = (await iterator.next(1_000)).map(([key]) => key);
    await iterator.close();
    return Object.fromEntries(keys.map((key) => [fromUtf8(key), readOf(engine, key)]));
  } finally {
    await engine.close();
  }
}

function readOf(engine: LogEngine, key: Uint8Array): string {
  try {
    return fromUtf8(engine.get(key)!);
  } catch (error) {
    if (error instanceof KvError) return error.code;
    throw error;
  }
}
