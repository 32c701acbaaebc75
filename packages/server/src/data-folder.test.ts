import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Fs } from '@tinykv/base';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDataFolder } from './data-folder.js';

/** Just what the data folder uses of an Fs. */
const openFs = (root: string): Fs =>
  ({
    readFile: (name: string) => {
      const path = join(root, name);
      return Promise.resolve(readdirSync(root).includes(name) ? readFileSync(path) : undefined);
    },
    writeFileAtomic: (name: string, bytes: Uint8Array) =>
      Promise.resolve(writeFileSync(join(root, name), bytes)),
  }) as unknown as Fs;

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tinykv-folder-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const open = (name = 'store', kind: 'store' | 'scheduler' = 'store') =>
  openDataFolder(join(root, name), kind, openFs);

describe('data folder', () => {
  it('is made at the first start and found at the next, with its cluster', async () => {
    const first = await open();
    expect(first.clusterId).toBe(0);
    await first.bindCluster(42);
    first.release();
    const second = await open();
    expect(second.clusterId).toBe(42);
    await second.bindCluster(42);
    second.release();
  });

  it('refuses a second process and names the first', async () => {
    const folder = await open();
    await expect(open()).rejects.toThrow(`is in use by process ${process.pid}`);
    folder.release();
    (await open()).release();
  });

  it('takes over from a dead process, and from a pid that another process has by now', async () => {
    mkdirSync(join(root, 'store'));
    const dead = spawnSync('true').pid;
    writeFileSync(join(root, 'store/LOCK'), JSON.stringify({ pid: dead, born: 'x/1' }));
    (await open()).release();
    writeFileSync(join(root, 'store/LOCK'), JSON.stringify({ pid: process.pid, born: 'x/1' }));
    (await open()).release();
    writeFileSync(join(root, 'store/LOCK'), '');
    (await open()).release();
    expect(readdirSync(join(root, 'store'))).toEqual(['FORMAT']);
  });

  it('refuses another cluster', async () => {
    const folder = await open();
    await folder.bindCluster(1);
    await expect(folder.bindCluster(2)).rejects.toThrow('belongs to cluster 1');
    folder.release();
  });

  it.each([
    ['an unknown version', '{"format":7,"kind":"store","clusterId":0}', 'has format 7'],
    ['another kind', '{"format":1,"kind":"scheduler","clusterId":0}', 'folder of a scheduler'],
    ['a damaged record', '{"for', 'is damaged'],
  ])('refuses %s', async (_title, text, message) => {
    mkdirSync(join(root, 'store'));
    writeFileSync(join(root, 'store/FORMAT'), text);
    await expect(open()).rejects.toThrow(message);
    // The refusal leaves no lock behind.
    await expect(open()).rejects.toThrow(message);
  });

  it('refuses a folder that holds something else', async () => {
    mkdirSync(join(root, 'store'));
    writeFileSync(join(root, 'store/thesis.tex'), '');
    await expect(open()).rejects.toThrow('thesis.tex');
  });
});
