import { EMPTY_BYTES, fromUtf8, type KvEngine, utf8 } from '@tinykv/base';
import { kvEngineConformance } from '@tinykv/engine/conformance';
import { describe, expect, it } from 'vitest';
import { engineUnderTest } from '../testing/engine-under-test.js';
import { entriesOf } from './machine-engine.js';
import { SimLevelEngine } from './sim-level-engine.js';

// One log: what a crash leaves of it is a prefix, as the suite wants it.
kvEngineConformance('LevelEngine on a fake of LevelDB', () =>
  engineUnderTest((disk) => new SimLevelEngine(disk, 1_000_000)),
);

const KEYS = 40;

/** The keys that a crash leaves of many batches of one key, four of which fill a log. */
async function leftBy(
  seed: number,
  before: (engine: KvEngine) => Promise<void>,
): Promise<number[]> {
  const { engine, crash, cleanup } = await engineUnderTest(
    (disk) => new SimLevelEngine(disk, 1_000),
    seed,
  );
  for (let i = 0; i < KEYS + seed; i++) {
    const batch = engine.batch();
    batch.put(utf8(String(i).padStart(3, '0')), utf8('x'.repeat(250)));
    await engine.write(batch, { sync: false });
  }
  await before(engine);
  const all = { start: EMPTY_BYTES, end: EMPTY_BYTES };
  const entries = await entriesOf(await crash(0), all);
  await cleanup();
  return entries.map(([key]) => Number(fromUtf8(key)));
}

describe('the fake of LevelDB', () => {
  it('loses the end of a log that is followed by another, as a log that nobody synced does', async () => {
    let holes = 0;
    for (let seed = 0; seed < 40; seed++) {
      const keys = await leftBy(seed, async () => {});
      if (keys.some((key, i) => key !== i)) holes++;
    }
    expect(holes).toBeGreaterThan(0);
  });

  it('keeps every batch that a barrier of the engine covers, in whichever log it is', async () => {
    for (let seed = 0; seed < 40; seed++) {
      const keys = await leftBy(seed, (engine) => engine.barrier());
      expect(keys).toEqual(Array.from({ length: KEYS + seed }, (_, i) => i));
    }
  });
});
