import { Prng, utf8 } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import { simDisk } from '../testing/sim-disk.js';
import { SimEngine } from './sim-engine.js';
import { SimLogFiles } from './sim-log-files.js';

describe('what a failed sync held', () => {
  it('is lost to the engine at a crash, though a later barrier succeeds', async () => {
    const { disk: target, done } = simDisk('failed sync');
    const engine = new SimEngine(target);
    const put = (key: string): Promise<void> => {
      const batch = engine.batch();
      batch.put(utf8(key), utf8('x'));
      return engine.write(batch, { sync: false });
    };
    await done(put('doomed'));
    target.traits.syncFails = true;
    await expect(done(engine.barrier())).rejects.toThrow('input/output error');
    target.traits.syncFails = false;
    await done(put('kept'));
    await done(engine.barrier());
    expect(engine.get(utf8('doomed'))).toBeDefined();
    expect(await engine.crash(new Prng(1))).toEqual({ kept: 0, lost: 0 });
    expect(engine.get(utf8('doomed'))).toBeUndefined();
    expect(engine.get(utf8('kept'))).toBeDefined();
  });

  it('is lost to the log at every crash, though a later sync succeeds', async () => {
    for (let seed = 0; seed < 10; seed++) {
      const { disk: target, done } = simDisk('failed sync');
      const files = new SimLogFiles(target);
      const file = await done(files.create('1.seg', 4_096));
      file.write(0, utf8('doomed'));
      target.traits.syncFails = true;
      await expect(done(file.sync())).rejects.toThrow('input/output error');
      target.traits.syncFails = false;
      file.write(1_024, utf8('kept'));
      await done(file.sync());
      files.crash(new Prng(seed));
      expect(await done(file.read(0, 6))).toEqual(new Uint8Array(6));
      expect(await done(file.read(1_024, 4))).toEqual(utf8('kept'));
    }
  });
});
