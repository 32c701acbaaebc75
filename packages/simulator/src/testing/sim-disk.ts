import { Prng } from '@tinykv/base';
import { Disk } from '../world/disk.js';
import { SimProcess } from '../world/sim-proc.js';
import { World } from '../world/world.js';

/** Events that one operation of a disk takes at most. */
const EVENTS_MAX = 100_000;

/** A disk, whose operations end as the world runs. */
export interface SimDisk {
  readonly world: World;
  readonly disk: Disk;
  /** Lets the world run until the work has ended. */
  done<T>(work: Promise<T>): Promise<T>;
}

export function simDisk(name: string): SimDisk {
  const world = new World(name, { log: false });
  const disk = new Disk(new Prng('disk'), 1);
  disk.attach(new SimProcess(world, 'machine'));
  const done = async <T>(work: Promise<T>): Promise<T> => {
    let ended = false;
    const watched = work.finally(() => {
      ended = true;
    });
    watched.catch(() => undefined);
    await world.run(() => ended, EVENTS_MAX);
    return watched;
  };
  return { world, disk, done };
}
