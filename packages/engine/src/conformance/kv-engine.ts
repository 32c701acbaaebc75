import {
  compareBytes,
  EMPTY_BYTES,
  type KvEngine,
  type KvEntry,
  KvError,
  type KvReader,
  utf8,
} from '@tinykv/base';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { kvEngineModelTests } from './kv-engine-model.js';
import type { KvEngineUnderTest } from './targets.js';

/** What every {@link KvEngine} must do. */
export function kvEngineConformance(name: string, open: () => Promise<KvEngineUnderTest>): void {
  describe(`${name} as a KvEngine`, () => {
    let target: KvEngineUnderTest;
    let engine: KvEngine;
    beforeEach(async () => {
      target = await open();
      engine = target.engine;
    });
    afterEach(async () => {
      await target.cleanup();
    });
    pointTests(() => engine);
    batchTests(() => engine);
    iteratorTests(() => engine);
    snapshotTests(() => engine);
    lifeTests(() => target);
  });
  kvEngineModelTests(name, open);
}

function pointTests(engine: () => KvEngine): void {
  it('gets what was put, undefined for what was not', async () => {
    await put(engine(), 'a', '1');
    expect(text(engine().get(utf8('a')))).toBe('1');
    expect(engine().get(utf8('b'))).toBeUndefined();
    await put(engine(), 'a', '2');
    expect(text(engine().get(utf8('a')))).toBe('2');
    await remove(engine(), 'a');
    expect(engine().get(utf8('a'))).toBeUndefined();
  });

  it('tells an empty value from none, and takes the empty key', async () => {
    await put(engine(), '', '');
    await put(engine(), 'k', '');
    expect(engine().get(EMPTY_BYTES)).toHaveLength(0);
    expect(engine().get(utf8('k'))).toHaveLength(0);
    expect(await dump(engine())).toEqual(['=', 'k=']);
    await remove(engine(), '');
    expect(engine().get(EMPTY_BYTES)).toBeUndefined();
  });

  it('orders keys as unsigned bytes', async () => {
    const keys = [[0xff, 0xff], [0xff], [0x7f], [0x80], [0], [0, 0], [0xff, 0]].map((bytes) =>
      Uint8Array.from(bytes),
    );
    const batch = engine().batch();
    for (const key of keys) batch.put(key, key);
    await engine().write(batch, { sync: false });
    const sorted = [...keys].sort(compareBytes).map(hex);
    expect((await read(engine(), '', '')).map(([key]) => hex(key))).toEqual(sorted);
    expect((await read(engine(), '', '', { reverse: true })).map(([key]) => hex(key))).toEqual(
      sorted.reverse(),
    );
  });

  it('hands out and takes bytes that the caller may overwrite', async () => {
    const key = utf8('key');
    const value = utf8('value');
    const batch = engine().batch();
    batch.put(key, value);
    key.fill(0);
    value.fill(0);
    await engine().write(batch, { sync: false });
    expect(await dump(engine())).toEqual(['key=value']);
  });
}

function batchTests(engine: () => KvEngine): void {
  it('applies the operations of a batch in their order', async () => {
    const batch = engine().batch();
    batch.put(utf8('a'), utf8('1'));
    batch.delete(utf8('a'));
    batch.put(utf8('b'), utf8('1'));
    batch.put(utf8('b'), utf8('2'));
    batch.delete(utf8('c'));
    batch.put(utf8('c'), utf8('3'));
    expect(batch.count).toBe(6);
    expect(batch.bytes).toBe(10);
    await engine().write(batch, { sync: true });
    expect(await dump(engine())).toEqual(['b=2', 'c=3']);
  });

  it('lets nothing of a batch be seen before it is written, and takes an empty one', async () => {
    const batch = engine().batch();
    batch.put(utf8('a'), utf8('1'));
    expect(await dump(engine())).toEqual([]);
    await engine().write(engine().batch(), { sync: false });
    await engine().write(batch, { sync: false });
    expect(await dump(engine())).toEqual(['a=1']);
  });

  it('is atomic: a reader sees all of a batch or nothing', async () => {
    let writing = true;
    const writer = (async () => {
      for (let round = 0; round < 50; round++) {
        const batch = engine().batch();
        for (let i = 0; i < 20; i++) batch.put(utf8(`key${i}`), utf8(String(round)));
        await engine().write(batch, { sync: false });
      }
      writing = false;
    })();
    while (writing) {
      const values = new Set((await read(engine(), '', '')).map(([, value]) => text(value)));
      expect(values.size).toBeLessThanOrEqual(1);
      // Lets a writer that runs on microtasks alone take its turn.
      await new Promise((resolve) => setImmediate(resolve));
    }
    await writer;
  });

  it('applies concurrent writes in the order of their calls', async () => {
    const writes: Promise<void>[] = [];
    for (let i = 0; i < 100; i++) writes.push(put(engine(), 'k', String(i)));
    await Promise.all(writes);
    expect(text(engine().get(utf8('k')))).toBe('99');
  });

  it('refuses to write a batch twice', async () => {
    const batch = engine().batch();
    batch.put(utf8('a'), utf8('1'));
    await engine().write(batch, { sync: false });
    await expect(engine().write(batch, { sync: false })).rejects.toThrow();
    expect(() => batch.put(utf8('b'), utf8('1'))).toThrow();
  });
}

function iteratorTests(engine: () => KvEngine): void {
  it('iterates [start, end) both ways, in pages', async () => {
    await putAll(engine(), ['a', 'b', 'c', 'd', 'e']);
    expect(keys(await read(engine(), 'b', 'd'))).toEqual(['b', 'c']);
    expect(keys(await read(engine(), 'b', 'd', { reverse: true }))).toEqual(['c', 'b']);
    expect(keys(await read(engine(), 'b', '', { limit: 1 }))).toEqual(['b', 'c', 'd', 'e']);
    expect(keys(await read(engine(), '', 'c', { limit: 1, reverse: true }))).toEqual(['b', 'a']);
    expect(await read(engine(), 'bb', 'bc')).toEqual([]);
    expect(await read(engine(), 'x', '')).toEqual([]);
    expect(await read(engine(), '', 'a', { reverse: true })).toEqual([]);
  });

  it('gives keys only when asked', async () => {
    await put(engine(), 'a', 'long value');
    const [entry] = await read(engine(), '', '', { keysOnly: true });
    expect(keys([entry!])).toEqual(['a']);
    expect(entry![1]).toHaveLength(0);
  });

  it('stays at its end', async () => {
    await put(engine(), 'a', '1');
    const iterator = engine().iterator({ start: EMPTY_BYTES, end: EMPTY_BYTES });
    expect(await iterator.next(10)).toHaveLength(1);
    expect(await iterator.next(10)).toHaveLength(0);
    await put(engine(), 'b', '1');
    expect(await iterator.next(10)).toHaveLength(0);
    await iterator.close();
  });

  it('sees the state at its creation, whatever is written later', async () => {
    await putAll(engine(), ['a', 'b', 'c', 'd']);
    const iterator = engine().iterator({ start: EMPTY_BYTES, end: EMPTY_BYTES });
    expect(keys(await iterator.next(1))).toEqual(['a']);
    await remove(engine(), 'c');
    await put(engine(), 'b', 'new');
    await put(engine(), 'bb', 'new');
    const rest = await drain(iterator, 10);
    expect(rest.map(([key, value]) => `${text(key)}=${text(value)}`)).toEqual([
      'b=b',
      'c=c',
      'd=d',
    ]);
    await iterator.close();
  });

  it('reads many entries in large pages', async () => {
    const batch = engine().batch();
    const value = new Uint8Array(1_000).fill(7);
    for (let i = 0; i < 2_000; i++) batch.put(utf8(String(i).padStart(6, '0')), value);
    await engine().write(batch, { sync: false });
    const found = await read(engine(), '', '', { limit: 512 });
    expect(found).toHaveLength(2_000);
    expect(text(found[1_999]![0])).toBe('001999');
  });
}

function snapshotTests(engine: () => KvEngine): void {
  it('freezes gets and iterators', async () => {
    await putAll(engine(), ['a', 'b']);
    const snapshot = engine().snapshot();
    await put(engine(), 'a', 'new');
    await remove(engine(), 'b');
    await put(engine(), 'c', 'new');
    expect(text(snapshot.get(utf8('a')))).toBe('a');
    expect(text(snapshot.get(utf8('b')))).toBe('b');
    expect(snapshot.get(utf8('c'))).toBeUndefined();
    expect(await dump(snapshot)).toEqual(['a=a', 'b=b']);
    expect(await dump(engine())).toEqual(['a=new', 'c=new']);
    snapshot.close();
    snapshot.close();
    expect(() => snapshot.get(utf8('a'))).toThrow();
  });

  it('keeps an iterator going after the snapshot was closed', async () => {
    await putAll(engine(), ['a', 'b', 'c']);
    const snapshot = engine().snapshot();
    const iterator = snapshot.iterator({ start: EMPTY_BYTES, end: EMPTY_BYTES });
    await remove(engine(), 'b');
    snapshot.close();
    expect(keys(await drain(iterator, 1))).toEqual(['a', 'b', 'c']);
    await iterator.close();
  });

  it('keeps an iterator of an old snapshot going after that was closed', async () => {
    await putAll(engine(), ['a', 'b', 'c']);
    const snapshot = engine().snapshot();
    // Enough for engines that collect garbage to give up where the snapshot's values stand.
    for (let i = 0; i < 100; i++) await put(engine(), `churn${i % 4}`, String(i).padEnd(100, '.'));
    await putAll(engine(), ['a', 'b', 'c']);
    const iterator = snapshot.iterator({ start: EMPTY_BYTES, end: EMPTY_BYTES });
    snapshot.close();
    await put(engine(), 'd', 'd');
    expect((await drain(iterator, 1)).map(([key, value]) => `${text(key)}=${text(value)}`)).toEqual(
      ['a=a', 'b=b', 'c=c'],
    );
    await iterator.close();
  });
}

function lifeTests(target: () => KvEngineUnderTest): void {
  it('estimates sizes', async () => {
    const { engine } = target();
    await put(engine, 'a', 'x'.repeat(1_000));
    const all = await engine.approximateSize(EMPTY_BYTES, EMPTY_BYTES);
    expect(all).toBeGreaterThanOrEqual(0);
    expect(await engine.approximateSize(utf8('x'), utf8('y'))).toBeLessThanOrEqual(all);
  });

  it('gives space back to its end while it is written to, and readers notice nothing', async () => {
    const { engine, reopen } = target();
    const value = 'x'.repeat(1_000);
    for (let i = 0; i < 200; i++) await put(engine, `gone${i}`, value);
    for (let i = 0; i < 20; i++) await put(engine, `kept${i}`, value);
    const before = await dump(engine);
    const snapshot = engine.snapshot();
    for (let i = 0; i < 200; i++) await remove(engine, `gone${i}`);
    const kept = await dump(engine);
    let from: Uint8Array | undefined = utf8('gone');
    for (let steps = 0; from !== undefined; steps++) {
      expect(steps).toBeLessThan(10_000);
      const reclaimed = engine.reclaim(from, utf8('h'), 4_096);
      await put(engine, 'kept0', value);
      from = (await reclaimed).next;
    }
    expect(await dump(engine)).toEqual(kept);
    expect(await dump(snapshot)).toEqual(before);
    snapshot.close();
    if (reopen !== undefined) expect(await dump(await reopen())).toEqual(kept);
  });

  it('refuses everything after close, and closes twice', async () => {
    const { engine } = target();
    const batch = engine.batch();
    batch.put(utf8('a'), utf8('1'));
    await engine.close();
    await engine.close();
    expect(() => engine.get(utf8('a'))).toThrow(KvError);
    expect(() => engine.snapshot()).toThrow(KvError);
    expect(() => engine.iterator({ start: EMPTY_BYTES, end: EMPTY_BYTES })).toThrow(KvError);
    await expect(engine.write(batch, { sync: false })).rejects.toThrow(KvError);
    await expect(engine.barrier()).rejects.toThrow(KvError);
    await expect(engine.reclaim(EMPTY_BYTES, EMPTY_BYTES, 1)).rejects.toThrow(KvError);
  });

  it('finishes writes that were begun before close', async () => {
    const { engine, reopen } = target();
    const writes = ['a', 'b', 'c'].map((key) => put(engine, key, key));
    const closed = engine.close();
    expect(await Promise.all([...writes, closed])).toHaveLength(4);
    if (reopen !== undefined) expect(await dump(await reopen())).toEqual(['a=a', 'b=b', 'c=c']);
  });

  it('coalesces barriers and keeps what they cover over a reopen', async () => {
    const { engine, reopen } = target();
    for (let i = 0; i < 5; i++) {
      await put(engine, `key${i}`, 'v');
      await Promise.all([engine.barrier(), engine.barrier(), engine.barrier()]);
    }
    const kept = reopen === undefined ? engine : await reopen();
    expect(await dump(kept)).toHaveLength(5);
  });
}

async function put(engine: KvEngine, key: string, value: string): Promise<void> {
  const batch = engine.batch();
  batch.put(utf8(key), utf8(value));
  await engine.write(batch, { sync: false });
}

/** Each key with itself as its value. */
async function putAll(engine: KvEngine, all: readonly string[]): Promise<void> {
  for (const key of all) await put(engine, key, key);
}

async function remove(engine: KvEngine, key: string): Promise<void> {
  const batch = engine.batch();
  batch.delete(utf8(key));
  await engine.write(batch, { sync: false });
}

async function read(
  reader: KvReader,
  start: string,
  end: string,
  options: { reverse?: boolean; keysOnly?: boolean; limit?: number } = {},
): Promise<KvEntry[]> {
  const { limit = 1_000, ...rest } = options;
  const iterator = reader.iterator({ start: utf8(start), end: utf8(end), ...rest });
  try {
    return await drain(iterator, limit);
  } finally {
    await iterator.close();
  }
}

async function drain(
  iterator: { next(limit: number): Promise<readonly KvEntry[]> },
  limit: number,
): Promise<KvEntry[]> {
  const out: KvEntry[] = [];
  for (;;) {
    const page = await iterator.next(limit);
    expect(page.length).toBeLessThanOrEqual(limit);
    if (page.length === 0) return out;
    out.push(...page);
  }
}

async function dump(reader: KvReader): Promise<string[]> {
  return (await read(reader, '', '')).map(([key, value]) => `${text(key)}=${text(value)}`);
}

function keys(entries: readonly KvEntry[]): string[] {
  return entries.map(([key]) => text(key));
}

function text(bytes: Uint8Array | undefined): string {
  if (bytes === undefined) return 'undefined';
  return Buffer.from(bytes).toString('latin1');
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
