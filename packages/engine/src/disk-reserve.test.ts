import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SmallDisk } from './conformance/small-disk.js';
import { DiskReserve } from './disk-reserve.js';
import { lockFolder } from './folder-lock.js';

describe('reserve of disk space', () => {
  let folder: string;
  let reserve: DiskReserve;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tinykv-reserve-'));
    reserve = new DiskReserve(join(folder, 'RESERVE'), 600_000);
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('takes up all its room, and gives it back once', async () => {
    expect(await reserve.isKept()).toBe(false);
    expect(await reserve.keep()).toBe(true);
    expect(await reserve.isKept()).toBe(true);
    execFileSync('sync', [reserve.path]);
    const { size, blocks } = await stat(reserve.path);
    expect(size).toBe(600_000);
    expect(blocks * 512, 'a hole takes no room').toBeGreaterThanOrEqual(600_000);
    expect(await reserve.giveUp()).toBe(true);
    expect(await reserve.giveUp()).toBe(false);
    expect(await reserve.isKept()).toBe(false);
  });

  it('that a process left unfinished is none, and is made whole', async () => {
    await reserve.keep();
    truncateSync(reserve.path, 1_000);
    expect(await reserve.isKept()).toBe(false);
    expect(await reserve.keep()).toBe(true);
    expect((await stat(reserve.path)).size).toBe(600_000);
  });

  it('of no bytes is never kept', async () => {
    const none = new DiskReserve(join(folder, 'NONE'), 0);
    expect(await none.keep()).toBe(false);
    expect(await none.isKept()).toBe(false);
  });
});

describe('a full disk', () => {
  let disk: SmallDisk | undefined;
  beforeEach((context) => {
    disk = SmallDisk.mount('1m');
    if (disk === undefined) context.skip();
  });
  afterEach(() => disk?.unmount());

  it('takes no reserve, and keeps nothing of the attempt', async () => {
    const { path } = disk!;
    const reserve = new DiskReserve(join(path, 'RESERVE'), 2_000_000);
    const before = statfsSync(path).bfree;
    expect(await reserve.keep()).toBe(false);
    expect(statfsSync(path).bfree).toBe(before);
  });

  it('under a folder that was locked before lets its lock be taken again', async () => {
    const { path } = disk!;
    await (await lockFolder(path)).release();
    disk!.fill();
    expect(() => writeFileSync(join(path, 'other'), 'x')).toThrow('ENOSPC');
    const lock = await lockFolder(path);
    // Its holder has found room, in a reserve or otherwise.
    disk!.clear();
    await lock.keepSpare();
    disk!.fill();
    await lock.release();
    await (await lockFolder(path)).release();
  });

  it('gives up the spare of a lock to nobody while the folder is held', async () => {
    const { path } = disk!;
    const lock = await lockFolder(path);
    disk!.fill();
    await expect(lockFolder(path)).rejects.toThrow('in use by process');
    expect((await stat(join(path, 'LOCK.db/SPARE'))).size).toBeGreaterThan(0);
    await lock.release();
  });
});
