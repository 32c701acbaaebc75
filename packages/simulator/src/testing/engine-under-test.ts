import { type KvEngine, Prng } from '@tinykv/base';
import type { KvEngineUnderTest } from '@tinykv/engine/conformance';
import { Disk } from '../world/disk.js';
import type { MachineEngine } from '../world/machine-engine.js';
import { SimProcess } from '../world/sim-proc.js';
import { World } from '../world/world.js';

/** An engine of a machine whose time passes as fast as it can. */
export async function engineUnderTest(
  make: (disk: Disk) => MachineEngine,
  seed = 1,
): Promise<Required<KvEngineUnderTest>> {
  const world = new World(`engine ${seed}`, { log: false });
  const disk = new Disk(new Prng(`disk ${seed}`), 1);
  const machine = make(disk);
  let isOver = false;
  const turn = async (): Promise<void> => {
    await world.run(() => false);
    if (!isOver) setImmediate(() => void turn());
  };
  void turn();
  const rng = new Prng(`crashes ${seed}`);
  let proc: SimProcess;
  const open = (): Promise<KvEngine> => {
    proc = new SimProcess(world, 'process');
    disk.attach(proc);
    const failed = (error: unknown): never => {
      throw error;
    };
    return machine.open({ proc, failed });
  };
  let engine = await open();
  return {
    engine,
    reopen: async () => {
      await engine.close();
      engine = await open();
      return engine;
    },
    crash: async () => {
      proc.kill();
      await machine.crash(rng);
      engine = await open();
      return engine;
    },
    cleanup: async () => {
      isOver = true;
    },
  };
}
