import { Prng } from '@tinykv/base';
import type { Way } from '../arena.js';
import type { FaultRule } from '../rule.js';

/** Links that close one by one and open in another order, as a switch does that is restarted by parts. */
export const clogs: readonly FaultRule[] = [
  {
    kind: 'clog-in-turn',
    weight: 2,
    lastsMs: [500, 5_000],
    begin: (arena, strike) => {
      const { network, stores } = arena.cluster;
      const store = arena.leader(strike);
      const hosts = stores.filter((other) => other !== store).map(({ host }) => host);
      const ways = hosts.flatMap((host): Way[] => [
        [host, store.host],
        [store.host, host],
      ]);
      // The plan's own draw: how the ways are shuffled must not depend on what else has been drawn.
      const rng = new Prng(`clog ${strike.target} ${strike.amount}`);
      const stepMs = strike.lastsMs / (2 * ways.length);
      const opening = shuffled(ways, rng);
      for (const [i, [from, to]] of shuffled(ways, rng).entries()) {
        arena.later(i * stepMs, () => network.cut(from, to));
      }
      for (const [i, [from, to]] of opening.entries()) {
        arena.after(strike.lastsMs / 2 + i * stepMs, () => network.heal(from, to));
      }
      return true;
    },
  },
];

function shuffled<T>(items: readonly T[], rng: Prng): T[] {
  const rest = [...items];
  return items.map(() => rest.splice(rng.int(0, rest.length), 1)[0]!);
}
