import { pick } from '../arena.js';
import type { FaultRule } from '../rule.js';

/**
 * Rates of the slowest and the fastest clock. Leases bear that one runs 5 % faster than another:
 * SLOWEST * 1.05 is just above FASTEST.
 */
const SLOWEST = 0.9765;
const FASTEST = 1.025;
/** From this on two clocks of stores count as far apart. */
const FARTHEST = 1.045;

/** Clocks that run fast or slow, and days that are wrong. */
export const clocks: readonly FaultRule[] = [
  {
    kind: 'clock-drift',
    weight: 1,
    lastsMs: [2_000, 10_000],
    begin: (arena, strike) => {
      const { gateways, scheduler, clients, stores, world } = arena.cluster;
      // Leases are what a drift may break: every second one is a store's.
      const others = [scheduler, ...gateways, ...clients];
      const { machine } =
        strike.target % 2 === 0 ? arena.store(strike) : pick(others, strike.target);
      // The ends tell most, and are as far from each other as leases allow.
      const between = Math.min(1, Math.max(0, 2 * strike.amount - 0.5));
      machine.clock.drift(world.now, SLOWEST + (FASTEST - SLOWEST) * between);
      const rates = stores.map((store) => store.machine.clock.rate);
      if (Math.max(...rates) / Math.min(...rates) > FARTHEST) {
        arena.tally.event('clocks of stores as far apart as leases bear');
      }
      return true;
    },
  },
  {
    kind: 'wall-jump',
    weight: 1,
    lastsMs: [0, 1],
    begin: (arena, { target, amount }) => {
      const { scheduler, gateways, clients } = arena.cluster;
      const isOfStore = target % 3 === 0;
      const node = isOfStore
        ? arena.store({ target })
        : pick([scheduler, ...gateways, ...clients], target);
      node.machine.clock.jumpWall((amount - 0.5) * 120_000);
      if (isOfStore) arena.tally.event('wall clock of a store jumps');
      return true;
    },
  },
];
