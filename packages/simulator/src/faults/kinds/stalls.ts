import { pick } from '../arena.js';
import type { FaultRule } from '../rule.js';
import { order } from './orders.js';

/** How long a store waits for its moment. */
const WAITS_MS = 8_000;
/** Between the steps by which a Region changes shape: splits, conf changes, removals, snapshots. */
const CHANGE_POINT = /^(admin|snapshot)-/;
const CHANGES = ['split-region', 'move-peer', 'move-peer'] as const;

/** Disks that stall at the worst moment. */
export const stalls: readonly FaultRule[] = [
  {
    // A change of a Region is asked for, and the disk of a store stalls in the middle of its next one: of half of
    // the stores the whole disk, of the others the engine alone, so that Raft goes on and apply does not.
    kind: 'stall-at-change',
    weight: 3,
    lastsMs: [300, 4_000],
    begin: (arena, strike) => {
      const store = arena.leader(strike);
      const { traits } = store.machine.disk;
      const { world } = arena.cluster;
      const atPoint = (name: string): void => {
        if (!CHANGE_POINT.test(name)) return;
        store.atPoint = undefined;
        const until = world.now + strike.lastsMs;
        if (strike.target % 2 === 0) traits.stalledUntil = until;
        else traits.engineStalledUntil = until;
        arena.tally.event('stall at a change');
      };
      store.atPoint = atPoint;
      order(arena, strike, pick(CHANGES, strike.target));
      return arena.after(WAITS_MS, () => {
        if (store.atPoint === atPoint) store.atPoint = undefined;
      });
    },
  },
  {
    kind: 'engine-stall',
    weight: 1,
    lastsMs: [200, 4_000],
    begin: (arena, strike) => {
      const { traits } = arena.leader(strike).machine.disk;
      traits.engineStalledUntil = arena.cluster.world.now + strike.lastsMs;
      return true;
    },
  },
];
