import type { Node } from '../../cluster/node.js';
import { type Arena, pick } from '../arena.js';
import type { FaultRule } from '../rule.js';
import type { Strike } from '../strike.js';

/** Processes that die between a durable step and what follows it. */
export const points: readonly FaultRule[] = [
  {
    kind: 'fatal-points',
    weight: 2,
    lastsMs: [500, 4_000],
    begin: (arena, strike) => {
      const node = victim(arena, strike);
      node.fatalPoints = 0.2 + 0.5 * strike.amount;
      return arena.after(strike.lastsMs, () => {
        node.fatalPoints = 0;
      });
    },
  },
  {
    // One point alone, so that those come to it too which the process reaches last.
    kind: 'fatal-point',
    weight: 4,
    lastsMs: [1_000, 15_000],
    begin: (arena, strike) => {
      const node = victim(arena, strike);
      const names = [...node.passed].sort();
      if (names.length === 0) return false;
      const name = pick(names, Math.floor(strike.amount * 1_000));
      node.fatalPoint = name;
      return arena.after(strike.lastsMs, () => {
        if (node.fatalPoint === name) node.fatalPoint = undefined;
      });
    },
  },
];

function victim(arena: Arena, { target }: Strike): Node {
  const { stores, scheduler, gateways, mortals } = arena.cluster;
  return pick([...stores, scheduler, ...gateways, ...mortals], target);
}
