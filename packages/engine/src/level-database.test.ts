import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { utf8 } from '@tinykv/base';
import { ClassicLevel } from 'classic-level';
import { expect, it, vi } from 'vitest';
import { scratchRoot } from './conformance/scratch.js';
import { LevelEngine } from './level-engine.js';

const opened: string[] = [];

vi.mock('level', async (load) => {
  const { Level } = await load<typeof import('level')>();
  class Recorded extends Level<Uint8Array, Uint8Array> {
    constructor(...args: ConstructorParameters<typeof Level<Uint8Array, Uint8Array>>) {
      super(...args);
      opened.push(args[0]);
    }
  }
  return { Level: Recorded };
});

it('opens the database and the lock of a folder through `level`, with the class of classic-level', async () => {
  const folder = await mkdtemp(join(scratchRoot, 'tinykv-level-'));
  const engine = await LevelEngine.open(folder);
  expect(opened).toEqual([`${folder}/LOCK.db`, folder]);
  const { Level } = await vi.importActual<typeof import('level')>('level');
  expect(Level).toBe(ClassicLevel);
  const batch = engine.batch();
  batch.put(utf8('k'), utf8('v'));
  await engine.write(batch, { sync: true });
  expect(engine.get(utf8('k'))?.length).toBe(1);
  await engine.close();
  await rm(folder, { recursive: true });
});
