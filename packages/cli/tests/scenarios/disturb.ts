import { setTimeout as sleep } from 'node:timers/promises';
import type { LiveCluster } from './live-cluster.js';

/** Halves every Region until there are enough of them. */
export async function splitRegions(live: LiveCluster, least: number): Promise<void> {
  const admin = await live.admin();
  await live.until(`splitting into ${least} Regions`, 30_000, async () => {
    const regions = await live.regions();
    if (regions.length >= least) return true;
    for (const { region } of regions) {
      await admin.addOperator({ kind: 'split', regionId: region.id });
    }
    return undefined;
  });
}

/** Kills the store that leads most, starts it again, and so on; resolves with how often. */
export async function killLeaders(
  live: LiveCluster,
  everyMs: number,
  isOver: () => boolean,
  progress: () => string,
): Promise<number> {
  let kills = 0;
  while (!isOver()) {
    await sleep(everyMs);
    if (isOver()) break;
    const name = await live.leadingStore();
    await live.kill(name);
    kills++;
    live.print(`killed ${name}; ${progress()}`);
    await sleep(everyMs / 2);
    live.start(name);
    await live.waitReady();
  }
  return kills;
}
