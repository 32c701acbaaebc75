import { pick } from '../arena.js';
import type { FaultRule } from '../rule.js';

/** Clocks that run fast or slow, and days that are wrong. */
export const clocks: readonly FaultRule[] = [
  {
    kind: 'clock-drift',
    weight: 1,
    lastsMs: [2_000, 10_000],
    begin: (arena, strike) => {
      const { gateways, world } = arena.cluster;
      const { machine } = pick([arena.store(strike), ...gateways], strike.target);
      machine.clock.drift(world.now, 0.98 + 0.04 * strike.amount);
      return true;
    },
  },
  {
    kind: 'wall-jump',
    weight: 1,
    lastsMs: [0, 1],
    begin: (arena, { target, amount }) => {
      const { scheduler, gateways } = arena.cluster;
      pick([scheduler, ...gateways], target).machine.clock.jumpWall((amount - 0.5) * 120_000);
      return true;
    },
  },
];
