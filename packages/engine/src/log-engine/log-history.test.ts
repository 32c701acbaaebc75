import { readdir, rm } from 'node:fs/promises';
import { EMPTY_BYTES, type KvEngine, type KvReader, utf8 } from '@tinykv/base';
import { runs } from '@tinykv/base/testing/fuzz';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LogFolder } from '../conformance/log-folder.js';
import { MemoryEngine } from '../memory-engine.js';
import { openLogEngine } from './node-log-engine.js';

const SEGMENT_BYTES = 512;

const change = fc.record({
  key: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
  value: fc.option(fc.integer({ min: 0, max: 120 }), { nil: undefined, freq: 4 }),
});

const step = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      type: fc.constant('write' as const),
      changes: fc.array(change, { minLength: 1, maxLength: 4 }),
      sync: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ type: 'reopen' as const }) },
  { weight: 1, arbitrary: fc.constant({ type: 'snapshot' as const }) },
  { weight: 2, arbitrary: fc.constant({ type: 'crash' as const }) },
);

type Change = { readonly key: string; readonly value: number | undefined };

describe('LogEngine beside MemoryEngine', () => {
  it('agrees over rotations, compaction, reopenings and crashes at any moment', async () => {
    let segmentsGone = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 20, maxLength: 120, size: 'max' }),
        async (steps) => {
          const folder = await LogFolder.create({ segmentBytes: SEGMENT_BYTES });
          const memory = new MemoryEngine();
          let snapshots: (() => Promise<void>)[] = [];
          const compare = async (): Promise<void> => {
            expect(await contentOf(folder.engine)).toEqual(await contentOf(memory));
            for (const check of snapshots) await check();
          };
          try {
            for (const [i, next] of steps.entries()) {
              if (next.type === 'write') {
                // The crash comes while the write, or compaction behind it, goes on.
                const written = write(folder.engine, next.changes, i, next.sync);
                await write(memory, next.changes, i, next.sync);
                await written;
              } else if (next.type === 'snapshot') {
                snapshots.push(await frozen(folder.engine));
              } else if (next.type === 'reopen') {
                await folder.reopen();
                snapshots = [];
              } else {
                await expectSurvives(await folder.image(1), await contentOf(memory));
              }
              await compare();
            }
            segmentsGone += await oldestNumber(folder);
          } finally {
            await folder.cleanup();
          }
        },
      ),
      runs(25),
    );
    expect(segmentsGone).toBeGreaterThan(25);
  });
});

async function write(
  engine: KvEngine,
  changes: readonly Change[],
  round: number,
  sync: boolean,
): Promise<void> {
  const batch = engine.batch();
  for (const { key, value } of changes) {
    if (value === undefined) batch.delete(utf8(key));
    else batch.put(utf8(key), utf8(`${round}`.padEnd(value, '.')));
  }
  await engine.write(batch, { sync });
}

/** Compares a snapshot with what it gave when it was taken. */
async function frozen(engine: KvEngine): Promise<() => Promise<void>> {
  const snapshot = engine.snapshot();
  const content = await contentOf(snapshot);
  return async () => expect(await contentOf(snapshot)).toEqual(content);
}

async function expectSurvives(image: string, content: string[]): Promise<void> {
  const engine = await openLogEngine(image, { segmentBytes: SEGMENT_BYTES });
  expect(await contentOf(engine)).toEqual(content);
  await engine.close();
  await rm(image, { recursive: true });
}

async function oldestNumber(folder: LogFolder): Promise<number> {
  const names = (await readdir(folder.path)).filter((name) => name.endsWith('.data')).sort();
  return Number.parseInt(names[0]!, 10) - 1;
}

async function contentOf(reader: KvReader): Promise<string[]> {
  const iterator = reader.iterator({ start: EMPTY_BYTES, end: EMPTY_BYTES });
  const content: string[] = [];
  for (;;) {
    const page = await iterator.next(3);
    if (page.length === 0) break;
    for (const [key, value] of page) content.push(`${Buffer.from(key)}=${Buffer.from(value)}`);
  }
  await iterator.close();
  return content;
}
