import { KvError } from '@tinykv/base';
import { fakeEnv } from '@tinykv/base/testing';
import { describe, expect, it } from 'vitest';
import { SpaceWatch } from './space-watch.js';

const MIB = 1_048_576;

function watched(minFreeMib: number, reserveMib = 0) {
  const env = fakeEnv();
  const disk = { freeMib: 1_000, fails: false, kept: false };
  const reserve = {
    bytes: reserveMib * MIB,
    isKept: async () => disk.kept,
    keep: async () => {
      disk.kept = true;
      disk.freeMib -= reserveMib;
      return true;
    },
  };
  const fs = {
    space: async () => {
      if (disk.fails) throw new KvError('INTERNAL', 'no answer');
      return { capacity: 1_000 * MIB, available: disk.freeMib * MIB };
    },
  };
  const watch = new SpaceWatch(
    Object.assign(Object.create(env), { fs }),
    { minFreeBytes: minFreeMib * MIB },
    reserve,
  );
  const levels = () => env.logger.lines.map(({ level }) => level);
  return { env, disk, watch, levels };
}

describe('the watch over disk space', () => {
  it('refuses values below the floor and takes them again an eighth above it', async () => {
    const { env, disk, watch, levels } = watched(80);
    await watch.start();
    expect(watch.diskFull).toBeUndefined();
    disk.freeMib = 79;
    await env.clock.run(1_000);
    expect(watch.diskFull).toBe(
      'disk full: 79 MiB are free beside the reserve, values are taken from 80 MiB on',
    );
    disk.freeMib = 89;
    await env.clock.run(1_000);
    expect(watch.diskFull).toContain('89 MiB are free');
    disk.freeMib = 90;
    await env.clock.run(1_000);
    expect(watch.diskFull).toBeUndefined();
    expect(levels()).toEqual(['error', 'info']);
    watch.stop();
  });

  it('knows of a full disk before it has started', async () => {
    const { disk, watch } = watched(80);
    disk.freeMib = 10;
    await watch.start();
    expect(watch.diskFull).toContain('disk full');
    watch.stop();
  });

  it('makes the reserve again only with room for it above the floor', async () => {
    const { env, disk, watch } = watched(80, 64);
    disk.freeMib = 143;
    await watch.start();
    await env.clock.run(2_000);
    expect(disk.kept).toBe(false);
    // The room of the reserve is not for values.
    expect(watch.diskFull).toContain('79 MiB are free beside the reserve');
    disk.freeMib = 154;
    await env.clock.run(2_000);
    expect(disk).toMatchObject({ kept: true, freeMib: 90 });
    expect(watch.diskFull).toBeUndefined();
    watch.stop();
  });

  it('keeps what it saw last while it sees nothing, and says so once', async () => {
    const { env, disk, watch, levels } = watched(80);
    disk.freeMib = 10;
    await watch.start();
    disk.fails = true;
    await env.clock.run(5_000);
    expect(watch.diskFull).toContain('disk full');
    expect(levels()).toEqual(['error', 'warn']);
    disk.fails = false;
    disk.freeMib = 500;
    await env.clock.run(1_000);
    expect(watch.diskFull).toBeUndefined();
    watch.stop();
  });

  it('with no floor refuses nothing', async () => {
    const { env, disk, watch } = watched(0);
    disk.freeMib = 0;
    await watch.start();
    await env.clock.run(1_000);
    expect(watch.diskFull).toBeUndefined();
    watch.stop();
  });

  it('refuses values as well while the engine is full, whatever is free', async () => {
    let engine: string | undefined;
    const watch = new SpaceWatch(fakeEnv(), { minFreeBytes: 0, engineFull: () => engine });
    await watch.start();
    expect(watch.diskFull).toBeUndefined();
    engine = 'memory full';
    expect(watch.diskFull).toBe('memory full');
    watch.stop();
  });
});
