import { pick } from '../arena.js';
import type { FaultRule } from '../rule.js';

/** Power cuts: what is not synced may be lost. */
export const crashes: readonly FaultRule[] = [
  {
    kind: 'crash-store',
    weight: 4,
    lastsMs: [50, 6_000],
    begin: (arena, strike) => arena.crash(arena.store(strike), strike.lastsMs),
  },
  {
    kind: 'crash-all',
    weight: 1,
    lastsMs: [50, 2_000],
    begin: (arena, { lastsMs }) => {
      const { stores, scheduler } = arena.cluster;
      return [...stores, scheduler].map((node) => arena.crash(node, lastsMs)).some(Boolean);
    },
  },
  {
    kind: 'crash-scheduler',
    weight: 2,
    lastsMs: [50, 3_000],
    begin: (arena, { lastsMs, amount }) => {
      const { scheduler } = arena.cluster;
      // Now and then the machine comes back with another idea of the time.
      if (amount < 0.3) scheduler.machine.clock.jumpWall((amount - 0.2) * 300_000);
      return arena.crash(scheduler, lastsMs);
    },
  },
  {
    kind: 'crash-gateway',
    weight: 2,
    lastsMs: [50, 1_000],
    begin: (arena, { target, lastsMs }) => {
      const { gateways } = arena.cluster;
      return gateways.length > 0 && arena.crash(pick(gateways, target), lastsMs);
    },
  },
  {
    kind: 'crash-client',
    weight: 2,
    lastsMs: [50, 3_000],
    begin: (arena, { target, lastsMs }) => {
      const { mortals } = arena.cluster;
      return mortals.length > 0 && arena.crash(pick(mortals, target), lastsMs);
    },
  },
  {
    // Its disk stalls, it dies before what it was writing is durable, and comes back with a clock that went back.
    kind: 'stall-scheduler',
    weight: 1,
    lastsMs: [300, 3_000],
    begin: (arena, { lastsMs, amount }) => {
      const { scheduler, world } = arena.cluster;
      scheduler.machine.disk.traits.stalledUntil = world.now + lastsMs;
      return arena.later(lastsMs * (0.5 + amount / 2), () => {
        scheduler.machine.clock.jumpWall(-60_000 * amount);
        arena.crash(scheduler, 100);
        scheduler.machine.disk.traits.stalledUntil = 0;
      });
    },
  },
];
