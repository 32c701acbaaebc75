import {
  type FileHandle,
  mkdtemp,
  open,
  readdir,
  readFile,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Files } from './files.js';

let root: string;
let files: Files;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'tinykv-files-'));
  files = new Files(root);
});
afterEach(async () => {
  await rm(root, { recursive: true });
});

const bytes = (text: string): Uint8Array => Buffer.from(text);

describe('Files', () => {
  it('writes whole files and reads them back', async () => {
    expect(await files.readFile('a/b/c')).toBeUndefined();
    await files.writeFileAtomic('a/b/c', bytes('one'));
    await files.writeFileAtomic('a/b/c', bytes('two'));
    await files.writeFileAtomic('empty', bytes(''));
    expect(Buffer.from((await files.readFile('a/b/c'))!).toString()).toBe('two');
    expect(await files.readFile('empty')).toHaveLength(0);
    expect(await files.list('a/b')).toEqual(['c']);
    expect(await files.list('.')).toEqual(['empty']);
    expect(await files.list('none')).toEqual([]);
    await files.remove('a/b/c');
    await files.remove('a/b/c');
    expect(await files.list('a/b')).toEqual([]);
  });

  it('reads nothing that a power cut may take back: the name of a killed process is synced', async () => {
    await files.writeFileAtomic('a/f', bytes('left'));
    const handle = await open(root);
    const prototype = Object.getPrototypeOf(handle) as FileHandle;
    await handle.close();
    const { sync } = prototype;
    const synced: number[] = [];
    prototype.sync = async function (this: FileHandle) {
      await sync.call(this);
      synced.push((await this.stat()).ino);
    };
    try {
      await new Files(root).readFile('a/f');
    } finally {
      prototype.sync = sync;
    }
    expect(synced).toEqual([(await stat(join(root, 'a'))).ino]);
  });

  it('shows a file only once it is finished', async () => {
    await files.writeFileAtomic('f', bytes('old'));
    const writer = await files.openWrite('f');
    await writer.write(bytes('new '));
    await writer.write(bytes('file'));
    expect(await readFile(join(root, 'f'), 'utf8')).toBe('old');
    expect(await files.list('')).toEqual(['f']);
    await expect(files.openWrite('f')).rejects.toThrow(/being written/);
    await writer.finish();
    expect(await readFile(join(root, 'f'), 'utf8')).toBe('new file');
    expect(await readdir(root)).toEqual(['f']);
  });

  it('leaves nothing of a file that is given up, or that a crash cut off', async () => {
    const writer = await files.openWrite('f');
    await writer.write(bytes('half'));
    await writer.abort();
    await writer.abort();
    expect(await readdir(root)).toEqual([]);
    await writeFile(join(root, 'left.tmp'), 'by a crash');
    expect(await files.list('')).toEqual([]);
    expect(await readdir(root)).toEqual([]);
  });

  it('reads at any place', async () => {
    await files.writeFileAtomic('f', bytes('0123456789'));
    const reader = await files.openRead('f');
    expect(reader.size).toBe(10);
    expect(Buffer.from(await reader.read(3, 4)).toString()).toBe('3456');
    expect(Buffer.from(await reader.read(8, 100)).toString()).toBe('89');
    expect(await reader.read(10, 1)).toHaveLength(0);
    expect(await reader.read(99, 1)).toHaveLength(0);
    await reader.close();
    await expect(files.openRead('none')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it.each(['../x', '/etc/passwd', 'a/../../x', '..', 'a\0b'])(
    'refuses the path %j',
    async (path) => {
      const refused = { code: 'INVALID_ARGUMENT' };
      await expect(files.readFile(path)).rejects.toMatchObject(refused);
      await expect(files.openRead(path)).rejects.toMatchObject(refused);
      await expect(files.writeFileAtomic(path, bytes(''))).rejects.toMatchObject(refused);
      await expect(files.remove(path)).rejects.toMatchObject(refused);
      await expect(files.list(path)).rejects.toMatchObject(refused);
    },
  );

  it('takes names that merely look dangerous', async () => {
    await files.writeFileAtomic('..x', bytes('1'));
    await files.writeFileAtomic('a/../y', bytes('2'));
    expect(await files.list('')).toEqual(['..x', 'y']);
  });

  it('tells the space of its file system', async () => {
    const { capacity, available } = await files.space();
    expect(capacity).toBeGreaterThan(available);
    expect(available).toBeGreaterThan(0);
  });

  it('refuses everything without a folder', async () => {
    await expect(new Files(undefined).readFile('x')).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
    });
  });
});
