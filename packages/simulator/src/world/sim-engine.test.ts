import { Prng, utf8 } from '@tinykv/base';
import { expect, it } from 'vitest';
import type { Disk } from './disk.js';
import { SimEngine } from './sim-engine.js';

/** A disk whose syncs end when the test says so. */
function slowDisk() {
  const syncs: (() => void)[] = [];
  const disk = {
    rng: new Prng(1),
    checkReadable: () => undefined,
    engineWrite: async () => undefined,
    sync: () => new Promise<void>((resolve) => syncs.push(resolve)),
  };
  return { disk: disk as unknown as Disk, syncs };
}

async function put(engine: SimEngine, value: string): Promise<void> {
  const batch = engine.batch();
  batch.put(utf8('k'), utf8(value));
  await engine.write(batch, { sync: false });
}

it('a barrier that ends after a later one brings back nothing', async () => {
  const { disk, syncs } = slowDisk();
  const engine = new SimEngine(disk);
  await put(engine, 'old');
  const first = engine.barrier();
  await put(engine, 'new');
  const second = engine.barrier();
  syncs[1]!();
  await second;
  expect(engine.getDurable(utf8('k'))).toEqual(utf8('new'));
  syncs[0]!();
  await first;
  expect(engine.getDurable(utf8('k'))).toEqual(utf8('new'));
});
