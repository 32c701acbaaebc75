import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KvError } from '@tinykv/base';
import { fakeEnv } from '@tinykv/base/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDataFolder } from './data-folder.js';
import type { EngineKind } from './storage.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tinykv-folder-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const open = (engine: EngineKind = 'level') => openDataFolder(join(root, 'store'), 'store', engine);
const openAndRelease = async (engine?: EngineKind): Promise<void> => (await open(engine)).release();

describe('data folder', () => {
  it('is made at the first start and found at the next, with its cluster', async () => {
    const first = await open();
    expect(first.clusterId).toBe(0);
    first.bindCluster(42);
    await first.release();
    const second = await open();
    expect(second.clusterId).toBe(42);
    second.bindCluster(42);
    await second.release();
  });

  it('refuses a second process and names the first', async () => {
    const folder = await open();
    await expect(open()).rejects.toThrow(`is in use by process ${process.pid}`);
    await folder.release();
    await openAndRelease();
  });

  it('takes over from a dead process, and from a pid that another process has by now', async () => {
    mkdirSync(join(root, 'store'));
    const dead = spawnSync('true').pid;
    writeFileSync(join(root, 'store/LOCK'), JSON.stringify({ pid: dead, born: 'x/1' }));
    await openAndRelease();
    writeFileSync(join(root, 'store/LOCK'), JSON.stringify({ pid: process.pid, born: 'x/1' }));
    await openAndRelease();
    writeFileSync(join(root, 'store/LOCK'), '');
    await openAndRelease();
    expect(readdirSync(join(root, 'store')).sort()).toEqual(['FORMAT', 'LOCK', 'LOCK.db']);
  });

  it('refuses another cluster', async () => {
    const folder = await open();
    folder.bindCluster(1);
    expect(() => folder.bindCluster(2)).toThrow('belongs to cluster 1');
    await folder.release();
  });

  it.each([
    [
      'a later version',
      '{"format":4,"kind":"store","clusterId":0}',
      /has format 4, which a later build has written; .* 2 and 3: start it with that build/,
    ],
    [
      'the version with a Raft log on LevelDB',
      '{"format":1,"kind":"store","clusterId":0}',
      /has format 1, which a build before all .* 2 and 3: start it with that build, or .* empty folder/,
    ],
    ['another kind', '{"format":2,"kind":"scheduler","clusterId":0}', 'folder of a scheduler'],
    ['a damaged record', '{"for', 'is damaged'],
    ['a record without its checksum', '{"format":3,"kind":"store","clusterId":0}', 'is damaged'],
  ])('refuses %s', async (_title, text, message) => {
    mkdirSync(join(root, 'store'));
    writeFileSync(join(root, 'store/FORMAT'), text);
    await expect(open()).rejects.toThrow(message);
    // The refusal leaves no lock behind.
    await expect(open()).rejects.toThrow(message);
  });

  it.each(['level', 'log', 'memory'] as const)(
    'made with the engine %s has no other',
    async (engine) => {
      await openAndRelease(engine);
      await openAndRelease(engine);
      const other = engine === 'log' ? 'level' : 'log';
      const refusal = `was made with the engine ${engine}: it cannot be opened with ${other}`;
      await expect(open(other)).rejects.toThrow(refusal);
      await expect(open(other)).rejects.toThrow(refusal);
    },
  );

  it('of the format that says nothing of engines is one of LevelDB', async () => {
    mkdirSync(join(root, 'store'));
    const record = '{"format":2,"kind":"store","clusterId":5}';
    writeFileSync(join(root, 'store/FORMAT'), record);
    const folder = await open('level');
    expect(folder.clusterId).toBe(5);
    await folder.release();
    await expect(open('log')).rejects.toThrow('was made with the engine level');
  });

  it('with any bit of its record flipped is damaged, and says so', async () => {
    const folder = await open();
    folder.bindCluster(7);
    await folder.release();
    const file = join(root, 'store/FORMAT');
    const good = readFileSync(file);
    for (let bit = 0; bit < good.length * 8; bit++) {
      const bad = Buffer.from(good);
      bad[bit >> 3]! ^= 1 << (bit & 7);
      writeFileSync(file, bad);
      await expect(open(), `bit ${bit}`).rejects.toThrow('FORMAT is damaged');
    }
    writeFileSync(file, good);
    await openAndRelease();
  });

  it('refuses a folder that holds something else', async () => {
    mkdirSync(join(root, 'store'));
    writeFileSync(join(root, 'store/thesis.tex'), '');
    await expect(open()).rejects.toThrow('thesis.tex');
  });

  it('gives its reserve up when less than that is free, or what it opens finds the disk full', async () => {
    const { logger } = fakeEnv();
    const store = await open();
    const small = await store.holdReserve(100_000, logger);
    await small.keep();
    await store.holdReserve(100_000, logger);
    expect(await small.isKept()).toBe(true);
    let tries = 0;
    const opened = await store.withRoom(logger, async () => {
      tries++;
      if (await small.isKept()) throw new KvError('RESOURCE_EXHAUSTED', 'quota');
      return 'open';
    });
    expect([opened, tries]).toEqual(['open', 2]);
    // Nothing is left to give up then.
    const refused = store.withRoom(logger, () =>
      Promise.reject(new KvError('RESOURCE_EXHAUSTED', 'quota')),
    );
    await expect(refused).rejects.toThrow('quota');
    await small.keep();
    // More than any disk has free.
    await store.holdReserve(2 ** 50, logger);
    expect(await small.isKept()).toBe(false);
    expect(logger.lines.map(({ message }) => message)).toEqual([
      'disk full: the reserve of disk space is given up',
      'disk full: the reserve of disk space is given up',
    ]);
    await store.release();
  });
});
