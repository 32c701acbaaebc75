import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDataFolder } from './data-folder.js';
import type { EngineKind } from './storage.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tinykv-folder-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const open = (engine: EngineKind = 'level') => openDataFolder(join(root, 'store'), 'store', engine);

describe('data folder', () => {
  it('is made at the first start and found at the next, with its cluster', () => {
    const first = open();
    expect(first.clusterId).toBe(0);
    first.bindCluster(42);
    first.release();
    const second = open();
    expect(second.clusterId).toBe(42);
    second.bindCluster(42);
    second.release();
  });

  it('refuses a second process and names the first', () => {
    const folder = open();
    expect(() => open()).toThrow(`is in use by process ${process.pid}`);
    folder.release();
    open().release();
  });

  it('takes over from a dead process, and from a pid that another process has by now', () => {
    mkdirSync(join(root, 'store'));
    const dead = spawnSync('true').pid;
    writeFileSync(join(root, 'store/LOCK'), JSON.stringify({ pid: dead, born: 'x/1' }));
    open().release();
    writeFileSync(join(root, 'store/LOCK'), JSON.stringify({ pid: process.pid, born: 'x/1' }));
    open().release();
    writeFileSync(join(root, 'store/LOCK'), '');
    open().release();
    expect(readdirSync(join(root, 'store'))).toEqual(['FORMAT']);
  });

  it('refuses another cluster', () => {
    const folder = open();
    folder.bindCluster(1);
    expect(() => folder.bindCluster(2)).toThrow('belongs to cluster 1');
    folder.release();
  });

  it.each([
    ['an unknown version', '{"format":7,"kind":"store","clusterId":0}', 'has format 7'],
    [
      'the version with a Raft log on LevelDB',
      '{"format":1,"kind":"store","clusterId":0}',
      'has format 1, this build reads format 3',
    ],
    ['another kind', '{"format":2,"kind":"scheduler","clusterId":0}', 'folder of a scheduler'],
    ['a damaged record', '{"for', 'is damaged'],
    ['a record without its checksum', '{"format":3,"kind":"store","clusterId":0}', 'is damaged'],
  ])('refuses %s', (_title, text, message) => {
    mkdirSync(join(root, 'store'));
    writeFileSync(join(root, 'store/FORMAT'), text);
    expect(() => open()).toThrow(message);
    // The refusal leaves no lock behind.
    expect(() => open()).toThrow(message);
  });

  it.each(['level', 'log', 'memory'] as const)('made with the engine %s has no other', (engine) => {
    open(engine).release();
    open(engine).release();
    const other = engine === 'log' ? 'level' : 'log';
    const refusal = `was made with the engine ${engine}: it cannot be opened with ${other}`;
    expect(() => open(other)).toThrow(refusal);
    expect(() => open(other)).toThrow(refusal);
  });

  it('of the format that says nothing of engines is one of LevelDB', () => {
    mkdirSync(join(root, 'store'));
    const record = '{"format":2,"kind":"store","clusterId":5}';
    writeFileSync(join(root, 'store/FORMAT'), record);
    const folder = open('level');
    expect(folder.clusterId).toBe(5);
    folder.release();
    expect(() => open('log')).toThrow('was made with the engine level');
  });

  it('with any bit of its record flipped is damaged, and says so', () => {
    const folder = open();
    folder.bindCluster(7);
    folder.release();
    const file = join(root, 'store/FORMAT');
    const good = readFileSync(file);
    for (let bit = 0; bit < good.length * 8; bit++) {
      const bad = Buffer.from(good);
      bad[bit >> 3]! ^= 1 << (bit & 7);
      writeFileSync(file, bad);
      expect(() => open(), `bit ${bit}`).toThrow('FORMAT is damaged');
    }
    writeFileSync(file, good);
    open().release();
  });

  it('refuses a folder that holds something else', () => {
    mkdirSync(join(root, 'store'));
    writeFileSync(join(root, 'store/thesis.tex'), '');
    expect(() => open()).toThrow('thesis.tex');
  });
});
