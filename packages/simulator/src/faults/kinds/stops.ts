import { errorMessage } from '@tinykv/base';
import type { Node } from '../../cluster/node.js';
import { type Arena, pick } from '../arena.js';
import type { FaultRule } from '../rule.js';

/** Pause between two stores of a rolling restart. */
const NEXT_STORE_MS = 300;

/** Processes that end while their machine runs on: asked to, or killed. */
export const stops: readonly FaultRule[] = [
  {
    // Whatever it wrote is in the page cache: a later power cut takes what nobody has synced until then.
    kind: 'kill-process',
    weight: 2,
    lastsMs: [10, 2_000],
    begin: (arena, { target, lastsMs }) => {
      const { stores, scheduler } = arena.cluster;
      const node = pick([...stores, scheduler], target);
      if (!node.running) return false;
      node.kill();
      arena.restartLater(node, lastsMs);
      return true;
    },
  },
  {
    kind: 'stop-process',
    weight: 2,
    lastsMs: [10, 3_000],
    begin: (arena, { target, lastsMs }) => {
      const { stores, scheduler } = arena.cluster;
      const node = pick([...stores, scheduler], target);
      if (!node.up) return false;
      void stop(arena, node, lastsMs);
      return true;
    },
  },
  {
    kind: 'rolling-restart',
    weight: 1,
    lastsMs: [10, 1_000],
    begin: (arena, { lastsMs }) => {
      const stores = arena.cluster.soundStores.filter(({ up }) => up);
      const next = async (): Promise<void> => {
        const store = stores.shift();
        if (store === undefined || arena.healed) return;
        await stop(arena, store, lastsMs);
        arena.later(lastsMs + NEXT_STORE_MS, () => void next());
      };
      void next();
      return stores.length > 0;
    },
  },
];

/** Stops a node and starts it again some time later. Never resolves when it dies of something else meanwhile. */
async function stop(arena: Arena, node: Node, pauseMs: number): Promise<void> {
  const { world } = arena.cluster;
  try {
    const hasStopped = await node.stop();
    if (hasStopped) arena.tally.event('graceful stop');
  } catch (error) {
    // Its disk may fail while it stops; whoever stops it cuts it short then.
    world.log('nemesis', 'a stop fails', { node: node.name, error: errorMessage(error) });
    node.crash();
  }
  arena.restartLater(node, pauseMs);
}
