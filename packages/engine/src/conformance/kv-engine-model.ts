import {
  compareBytes,
  fromKeyString,
  type IteratorRange,
  type KvEngine,
  type KvReader,
  type KvSnapshot,
  keyString,
} from '@tinykv/base';
import { runs } from '@tinykv/base/testing/fuzz';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KvEngineUnderTest } from './targets.js';

/** Key → value, both as byte strings. */
type Model = ReadonlyMap<string, string>;

interface World {
  readonly target: KvEngineUnderTest;
  engine: KvEngine;
  model: Model;
  /** What the model was after each write that no barrier covers, from the last that one does. */
  survivors: Model[];
  snapshot: { readonly real: KvSnapshot; readonly model: Model } | undefined;
}

type Step = (world: World) => Promise<void>;

/** Random histories against a map that is sorted when it is read. */
export function kvEngineModelTests(name: string, open: () => Promise<KvEngineUnderTest>): void {
  describe(`${name} against a model`, () => {
    it('agrees on any history', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(step, { minLength: 1, maxLength: 40, size: 'max' }),
          async (steps) => {
            const target = await open();
            const world: World = {
              target,
              engine: target.engine,
              model: new Map(),
              survivors: [new Map()],
              snapshot: undefined,
            };
            try {
              for (const { run } of steps) await run(world);
              await scan({ start: new Uint8Array(), end: new Uint8Array() }, 3)(world);
            } finally {
              world.snapshot?.real.close();
              await target.cleanup();
            }
          },
        ),
        runs(40),
      );
    });
  });
}

// Few letters, so that keys meet and are prefixes of each other; the extremes are among them.
const key: fc.Arbitrary<Uint8Array> = fc
  .array(fc.constantFrom(0, 0x61, 0x62, 0xfe, 0xff), { maxLength: 4 })
  .map((bytes) => Uint8Array.from(bytes));
const value: fc.Arbitrary<Uint8Array> = fc.uint8Array({ maxLength: 6 });

const change = fc.record({ key, value: fc.option(value, { nil: undefined, freq: 3 }) });
const range: fc.Arbitrary<IteratorRange> = fc.record({
  start: key,
  end: key,
  reverse: fc.boolean(),
  keysOnly: fc.boolean(),
});

const step: fc.Arbitrary<{ readonly run: Step; toString(): string }> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.array(change, { maxLength: 8 }).map((c) => named(c, write(c, false))),
  },
  { weight: 1, arbitrary: fc.array(change, { maxLength: 8 }).map((c) => named(c, write(c, true))) },
  { weight: 3, arbitrary: key.map((k) => named(k, get(k))) },
  {
    weight: 4,
    arbitrary: fc.tuple(range, fc.integer({ min: 1, max: 5 })).map((r) => named(r, scan(...r))),
  },
  { weight: 1, arbitrary: fc.constant(named('snapshot', takeSnapshot)) },
  { weight: 1, arbitrary: fc.constant(named('reopen', reopen)) },
  { weight: 1, arbitrary: fc.constant(named('barrier', barrier)) },
  { weight: 1, arbitrary: range.map((r) => named(r, reclaim(r))) },
  { weight: 1, arbitrary: fc.nat(100).map((n) => named(`crash ${n}`, crash(n / 100))) },
);

function named(what: unknown, run: Step): { readonly run: Step; toString(): string } {
  return { run, toString: () => fc.stringify(what) };
}

function write(
  changes: readonly { key: Uint8Array; value: Uint8Array | undefined }[],
  sync: boolean,
): Step {
  return async (world) => {
    const next = new Map(world.model);
    const batch = world.engine.batch();
    for (const { key, value } of changes) {
      if (value === undefined) {
        batch.delete(key);
        next.delete(keyString(key));
      } else {
        batch.put(key, value);
        next.set(keyString(key), keyString(value));
      }
    }
    await world.engine.write(batch, { sync });
    world.model = next;
    world.survivors = sync ? [next] : [...world.survivors, next];
  };
}

async function barrier(world: World): Promise<void> {
  await world.engine.barrier();
  world.survivors = [world.model];
}

/** Nobody notices, and nothing more survives a crash than before. */
function reclaim({ start, end }: IteratorRange): Step {
  return async (world) => {
    if (end.length > 0 && compareBytes(start, end) >= 0) return;
    const { next } = await world.engine.reclaim(start, end, 1);
    if (next !== undefined) expect(compareBytes(next, start)).toBeGreaterThanOrEqual(0);
  };
}

/** What a barrier covers is there again. Of the rest a prefix: more than the port promises, and what a log gives. */
function crash(share: number): Step {
  return async (world) => {
    if (world.target.crash === undefined) return;
    world.snapshot?.real.close();
    world.snapshot = undefined;
    world.engine = await world.target.crash(share);
    const everything = { start: new Uint8Array(), end: new Uint8Array() };
    const left = await readAll(world.engine, everything, 100);
    const possible = world.survivors.map((model) => expected(model, everything));
    expect(possible).toContainEqual(left);
    world.model = new Map(left.map(([key, value]) => [key!, value!]));
    world.survivors = [world.model];
  };
}

function get(key: Uint8Array): Step {
  return async (world) => {
    expect(find(world.engine, key)).toBe(world.model.get(keyString(key)));
    if (world.snapshot !== undefined) {
      expect(find(world.snapshot.real, key)).toBe(world.snapshot.model.get(keyString(key)));
    }
  };
}

function find(reader: KvReader, key: Uint8Array): string | undefined {
  const found = reader.get(key);
  return found === undefined ? undefined : keyString(found);
}

function scan(range: IteratorRange, limit: number): Step {
  return async (world) => {
    expect(await readAll(world.engine, range, limit)).toEqual(expected(world.model, range));
    if (world.snapshot !== undefined) {
      const { real, model } = world.snapshot;
      expect(await readAll(real, range, limit)).toEqual(expected(model, range));
    }
  };
}

async function readAll(reader: KvReader, range: IteratorRange, limit: number): Promise<string[][]> {
  const iterator = reader.iterator(range);
  const out: string[][] = [];
  for (;;) {
    const page = await iterator.next(limit);
    if (page.length === 0) break;
    for (const [key, value] of page) out.push([keyString(key), keyString(value)]);
  }
  await iterator.close();
  return out;
}

function expected(model: Model, range: IteratorRange): string[][] {
  const out: string[][] = [];
  for (const [key, value] of model) {
    const bytes = fromKeyString(key);
    if (compareBytes(bytes, range.start) < 0) continue;
    if (range.end.length > 0 && compareBytes(bytes, range.end) >= 0) continue;
    out.push([key, range.keysOnly === true ? '' : value]);
  }
  out.sort((a, b) => compareBytes(fromKeyString(a[0]!), fromKeyString(b[0]!)));
  return range.reverse === true ? out.reverse() : out;
}

async function takeSnapshot(world: World): Promise<void> {
  world.snapshot?.real.close();
  world.snapshot = { real: world.engine.snapshot(), model: world.model };
}

async function reopen(world: World): Promise<void> {
  if (world.target.reopen === undefined) return;
  world.snapshot?.real.close();
  world.snapshot = undefined;
  world.engine = await world.target.reopen();
  world.survivors = [world.model];
}
