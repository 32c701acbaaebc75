import type { Node } from '../../cluster/node.js';
import type { DiskTraits } from '../../world/disk.js';
import { type Arena, pick } from '../arena.js';
import type { FaultRule } from '../rule.js';
import type { Strike } from '../strike.js';

/** Disks that are slow, full or fail of stores and of the scheduler. */
export const disks: readonly FaultRule[] = [
  {
    kind: 'disk-stall',
    weight: 2,
    lastsMs: [100, 3_000],
    begin: (arena, strike) => {
      const { disk } = owner(arena, strike).machine;
      disk.traits.stalledUntil = arena.cluster.world.now + strike.lastsMs;
      return true;
    },
  },
  {
    kind: 'disk-slow',
    weight: 1,
    lastsMs: [500, 5_000],
    begin: (arena, strike) =>
      whileItLasts(arena, strike, (traits) => {
        traits.delayMeanMs = 10 + 40 * strike.amount;
      }),
  },
  {
    kind: 'disk-sync-error',
    weight: 1,
    lastsMs: [100, 1_000],
    begin: (arena, strike) =>
      whileItLasts(arena, strike, (traits) => {
        traits.syncFails = true;
      }),
  },
  {
    kind: 'disk-full',
    weight: 1,
    lastsMs: [200, 3_000],
    begin: (arena, strike) =>
      whileItLasts(arena, strike, (traits) => {
        // Half of the time the log alone is on the full disk: the store goes on and takes no writes.
        if (strike.amount < 0.5) traits.logFull = true;
        else traits.full = true;
      }),
  },
  {
    kind: 'disk-read-error',
    weight: 1,
    lastsMs: [10, 500],
    begin: (arena, strike) =>
      whileItLasts(arena, strike, (traits) => {
        traits.readFails = true;
      }),
  },
];

function owner(arena: Arena, { target }: Strike): Node {
  return pick([...arena.cluster.stores, arena.cluster.scheduler], target);
}

function whileItLasts(arena: Arena, strike: Strike, change: (traits: DiskTraits) => void): boolean {
  const node = owner(arena, strike);
  change(node.machine.disk.traits);
  return arena.after(strike.lastsMs, () => arena.healDisk(node));
}
