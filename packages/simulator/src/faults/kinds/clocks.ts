import { pick } from '../arena.js';
import type { FaultRule } from '../rule.js';

/**
 * Rates of the slowest and the fastest clock. Leases bear that one runs 5 % faster than another:
 * SLOWEST * 1.05 is just above FASTEST.
 */
const SLOWEST = 0.9765;
const FASTEST = 1.025;

/** Clocks that run fast or slow, and days that are wrong. */
export const clocks: readonly FaultRule[] = [
  {
    kind: 'clock-drift',
    weight: 1,
    lastsMs: [2_000, 10_000],
    begin: (arena, strike) => {
      const { gateways, world } = arena.cluster;
      const { machine } = pick([arena.store(strike), ...gateways], strike.target);
      // The ends tell most, and are as far from each other as leases allow.
      const between = Math.min(1, Math.max(0, 2 * strike.amount - 0.5));
      machine.clock.drift(world.now, SLOWEST + (FASTEST - SLOWEST) * between);
      return true;
    },
  },
  {
    kind: 'wall-jump',
    weight: 1,
    lastsMs: [0, 1],
    begin: (arena, { target, amount }) => {
      const { scheduler, gateways, stores, clients } = arena.cluster;
      pick([scheduler, ...gateways, ...stores, ...clients], target).machine.clock.jumpWall(
        (amount - 0.5) * 120_000,
      );
      return true;
    },
  },
];
