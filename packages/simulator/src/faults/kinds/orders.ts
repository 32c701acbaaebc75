import { replicasOf } from '../../cluster/sim-config.js';
import { type Arena, pick } from '../arena.js';
import { tellOffline, VOTERS_MIN, voters } from '../replacement.js';
import type { FaultRule } from '../rule.js';
import type { Strike } from '../strike.js';

/** More stores than this are not added to a cluster. */
const STORES_MAX = 5;

/** No faults, but what makes trouble meet: the scheduler is asked for changes, as a person would with `tinykv ctl`. */
export const orders: readonly FaultRule[] = [
  {
    kind: 'transfer-leader',
    weight: 3,
    lastsMs: [0, 1],
    begin: (arena, strike) => order(arena, strike, 'transfer-leader'),
  },
  {
    kind: 'move-peer',
    weight: 3,
    lastsMs: [0, 1],
    begin: (arena, strike) => order(arena, strike, 'move-peer'),
  },
  {
    kind: 'split-region',
    weight: 2,
    lastsMs: [0, 1],
    begin: (arena, strike) => order(arena, strike, 'split-region'),
  },
  {
    kind: 'add-store',
    weight: 1,
    lastsMs: [0, 1],
    begin: ({ cluster }) => {
      if (cluster.stores.length >= STORES_MAX) return false;
      void cluster.addStore().start();
      return true;
    },
  },
  {
    kind: 'drain-store',
    weight: 1,
    lastsMs: [0, 1],
    begin: (arena, strike) => {
      const { soundStores, shape } = arena.cluster;
      const store = arena.store(strike);
      // The others must have room for all replicas of what it holds.
      if (
        soundStores.length <= Math.max(3, replicasOf(shape)) ||
        !soundStores.includes(store) ||
        !store.up
      )
        return false;
      store.drained = true;
      tellOffline(arena, store);
      return true;
    },
  },
];

export type Order = 'transfer-leader' | 'move-peer' | 'split-region';

export function order(arena: Arena, { target, amount }: Strike, kind: Order): boolean {
  const { client, tally } = arena;
  const leaders = arena.leaders();
  if (client === undefined || leaders.length === 0) return false;
  const { region } = pick(leaders, target).status;
  const storeId = pick(arena.cluster.stores, Math.floor(amount * 1_000)).store?.storeId;
  if (storeId === undefined) return false;
  const hosts = region.peers.some((peer) => peer.storeId === storeId);
  if (hosts && kind === 'move-peer' && arena.losesStore && voters(region) <= VOTERS_MIN) {
    return false;
  }
  const move = hosts ? 'remove-peer' : 'add-peer';
  const operator =
    kind === 'split-region'
      ? ({ kind: 'split', regionId: region.id } as const)
      : ({
          kind: kind === 'move-peer' ? move : 'transfer-leader',
          regionId: region.id,
          storeId,
        } as const);
  client.scheduler.admin.addOperator(operator).then(
    () => tally.event('operator'),
    // The scheduler may be away, or know better.
    () => tally.event('operator refused'),
  );
  return true;
}
