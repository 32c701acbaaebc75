import { pick } from '../arena.js';
import type { FaultRule } from '../rule.js';

/** Processes that die between a durable step and what follows it. */
export const points: readonly FaultRule[] = [
  {
    kind: 'fatal-points',
    weight: 2,
    lastsMs: [500, 4_000],
    begin: (arena, strike) => {
      const { stores, scheduler, gateways } = arena.cluster;
      const node = pick([...stores, scheduler, ...gateways], strike.target);
      node.fatalPoints = 0.2 + 0.5 * strike.amount;
      return arena.after(strike.lastsMs, () => {
        node.fatalPoints = 0;
      });
    },
  },
];
