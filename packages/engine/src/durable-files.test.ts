import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { scratchRoot } from './conformance/scratch.js';
import { makeDurableFolder, replaceFile } from './durable-files.js';
import { LevelEngine } from './level-engine.js';
import { openLogEngine } from './log-engine/node-log-engine.js';
import { NodeLogFiles } from './segment-log/node-log-files.js';
import { SegmentedRaftLog } from './segment-log/segmented-raft-log.js';

describe('folders that are made', () => {
  let root: string;
  let restore: () => void;
  /** Inodes of what was synced. */
  let synced: number[];

  beforeEach(async () => {
    root = mkdtempSync(join(scratchRoot, 'tinykv-folders-'));
    synced = [];
    const handle = await open(root);
    const prototype = Object.getPrototypeOf(handle) as FileHandle;
    await handle.close();
    const { sync } = prototype;
    prototype.sync = async function (this: FileHandle) {
      await sync.call(this);
      synced.push((await this.stat()).ino);
    };
    restore = () => {
      prototype.sync = sync;
    };
  });
  afterEach(() => {
    restore();
    rmSync(root, { recursive: true });
  });

  const folder = (): string => join(root, 'a/b/c');
  const expectNamesSynced = (): void => {
    for (let at = folder(); at !== root; at = dirname(at)) {
      expect(synced, `the name of ${at}`).toContain(statSync(dirname(at)).ino);
    }
  };

  it.each<readonly [string, (path: string) => Promise<unknown>]>([
    ['by themselves', (path) => makeDurableFolder(path)],
    ['for the Raft log', (path) => new NodeLogFiles(path).list()],
    ['for LevelDB', async (path) => (await LevelEngine.open(path)).close()],
    ['for the log engine', async (path) => (await openLogEngine(path)).close()],
  ])('have durable names, all those above them too: %s', async (_, make) => {
    await make(folder());
    expectNamesSynced();
    synced.length = 0;
    await makeDurableFolder(folder());
    expect(synced).toEqual([]);
  });

  it.each<readonly [string, (path: string) => Promise<void>]>([
    [
      'the Raft log',
      async (path) => {
        const log = new SegmentedRaftLog(new NodeLogFiles(path), { segmentBytes: 4_096 });
        await log.open();
        await log.append([{ group: 1, hardState: { term: 1, vote: 1, commit: 0 } }]);
        await log.close();
      },
    ],
    ['the log engine', async (path) => (await openLogEngine(path)).close()],
  ])('have names that a killed process left synced at the start of %s', async (_, use) => {
    await use(folder());
    synced.length = 0;
    await use(folder());
    expect(synced).toContain(statSync(folder()).ino);
  });
});

describe('a small file', () => {
  it('is replaced as a whole', () => {
    const root = mkdtempSync(join(scratchRoot, 'tinykv-files-'));
    replaceFile(join(root, 'x'), 'one');
    replaceFile(join(root, 'x'), 'two');
    expect(readFileSync(join(root, 'x'), 'utf8')).toBe('two');
    expect(readdirSync(root)).toEqual(['x']);
    expect(() => replaceFile(join(root, 'none/x'), 'three')).toThrow('ENOENT');
    rmSync(root, { recursive: true });
  });
});
