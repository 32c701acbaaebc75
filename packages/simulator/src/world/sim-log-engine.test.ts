import { Prng } from '@tinykv/base';
import { type KvEngineUnderTest, kvEngineConformance } from '@tinykv/engine/conformance';
import { Disk } from './disk.js';
import type { MachineEngine } from './machine-engine.js';
import { SimLogEngine } from './sim-log-engine.js';
import { SimProcess } from './sim-proc.js';
import { World } from './world.js';

/** An engine of a machine whose time passes as fast as it can. */
async function underTest(make: (disk: Disk) => MachineEngine): Promise<KvEngineUnderTest> {
  const world = new World('engine', { log: false });
  const disk = new Disk(new Prng('disk'), 1);
  const machine = make(disk);
  let isOver = false;
  const turn = async (): Promise<void> => {
    await world.run(() => false);
    if (!isOver) setImmediate(() => void turn());
  };
  void turn();
  let crashes = 0;
  let proc: SimProcess;
  const open = () => {
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
      await machine.crash(new Prng(++crashes));
      engine = await open();
      return engine;
    },
    cleanup: async () => {
      isOver = true;
    },
  };
}

kvEngineConformance('LogEngine on a simulated disk', () =>
  underTest((disk) => new SimLogEngine(disk)),
);
