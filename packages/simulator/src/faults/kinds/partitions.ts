import type { Node } from '../../cluster/node.js';
import { type Arena, pick, type Way } from '../arena.js';
import type { FaultRule } from '../rule.js';

/** Nodes that do not hear each other, and links that are slow. */
export const partitions: readonly FaultRule[] = [
  {
    kind: 'isolate-store',
    weight: 2,
    lastsMs: [300, 6_000],
    begin: (arena, strike) => isolate(arena, arena.leader(strike), strike.lastsMs, 'both'),
  },
  {
    kind: 'isolate-from-stores',
    weight: 2,
    lastsMs: [800, 6_000],
    begin: (arena, strike) => arena.part([arena.leader(strike)], strike.lastsMs),
  },
  {
    kind: 'isolate-one-way',
    weight: 2,
    lastsMs: [300, 6_000],
    begin: (arena, strike) => {
      const ways = strike.amount * 10 < 5 ? 'in' : 'out';
      return isolate(arena, arena.leader(strike), strike.lastsMs, ways);
    },
  },
  {
    kind: 'isolate-scheduler',
    weight: 1,
    lastsMs: [300, 4_000],
    begin: (arena, { lastsMs }) => isolate(arena, arena.cluster.scheduler, lastsMs, 'both'),
  },
  {
    kind: 'partition-halves',
    weight: 1,
    lastsMs: [300, 5_000],
    begin: (arena, { target, lastsMs }) => {
      const left = arena.cluster.stores.filter((_, i) => ((target >> i) & 1) === 0);
      return arena.part(left, lastsMs);
    },
  },
  {
    kind: 'clog-link',
    weight: 2,
    lastsMs: [100, 3_000],
    begin: (arena, strike) => {
      const { network, stores } = arena.cluster;
      const to = pick(stores, Math.floor(strike.amount * 1_000));
      network.clog(arena.store(strike).host, to.host, strike.lastsMs);
      return true;
    },
  },
  {
    kind: 'reset-connections',
    weight: 2,
    lastsMs: [0, 1],
    begin: (arena, strike) => {
      const { network, nodes } = arena.cluster;
      for (const other of nodes) network.reset(arena.store(strike).host, other.host);
      return true;
    },
  },
];

function isolate(arena: Arena, node: Node, ms: number, which: 'both' | 'in' | 'out'): boolean {
  const others = arena.cluster.nodes.filter((other) => other !== node);
  arena.tally.event('partition');
  return arena.cut(
    others.flatMap((other): Way[] => [
      ...(which === 'in' ? [] : [[node.host, other.host] as const]),
      ...(which === 'out' ? [] : [[other.host, node.host] as const]),
    ]),
    ms,
  );
}
