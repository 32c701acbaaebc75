import { LONGER_THAN_LEASE_MS, pick } from '../arena.js';
import type { FaultRule } from '../rule.js';

/** Processes that stand still, as by SIGSTOP or a long collection of garbage. */
export const freezes: readonly FaultRule[] = [
  {
    kind: 'freeze-store',
    weight: 3,
    lastsMs: [200, 5_000],
    begin: (arena, strike) => arena.freeze(arena.leader(strike), strike.lastsMs),
  },
  {
    // A store that wakes up and does not hear for another while what the other stores have done meanwhile.
    kind: 'freeze-isolated',
    weight: 2,
    lastsMs: [1_500, 6_000],
    begin: (arena, strike) => {
      const store = arena.leader(strike);
      if (!arena.freeze(store, strike.lastsMs)) return false;
      return arena.cut(arena.waysIn(store), strike.lastsMs + LONGER_THAN_LEASE_MS);
    },
  },
  {
    // The store is frozen first and cut off 50 to 300 ms later: what came in between waits in its queue, and is
    // taken for fresh when it wakes up and hears of nothing that the others have done meanwhile.
    kind: 'freeze-then-cut',
    weight: 2,
    lastsMs: [1_500, 5_000],
    begin: (arena, strike) => {
      const store = arena.leader(strike);
      if (!arena.freeze(store, strike.lastsMs)) return false;
      const pauseMs = 50 + 250 * strike.amount;
      const ways = arena.waysIn(store);
      return arena.later(pauseMs, () => {
        arena.cut(ways, strike.lastsMs + LONGER_THAN_LEASE_MS - pauseMs);
      });
    },
  },
  {
    kind: 'freeze-scheduler',
    weight: 1,
    lastsMs: [200, 5_000],
    begin: (arena, { lastsMs }) => arena.freeze(arena.cluster.scheduler, lastsMs),
  },
  {
    kind: 'freeze-client',
    weight: 1,
    lastsMs: [200, 8_000],
    begin: (arena, { target, lastsMs }) => {
      const { clients, gateways } = arena.cluster;
      return arena.freeze(pick([...clients, ...gateways], target), lastsMs);
    },
  },
];
