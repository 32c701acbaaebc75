import type { RegionStatus, StoreStatus } from '@tinykv/client';
import { EXIT } from '@tinykv/server';
import { Command } from 'commander';
import { CONDITIONS } from './format.js';
import { describeStore } from './store-reference.js';
import { type CtlTools, print } from './tools.js';

const SHOWN_MAX = 20;

/** `tinykv ctl health`: exit code 1 when something is in need of care. */
export function healthCommand(tools: CtlTools): Command {
  const health = new Command('health').description('what is in need of care; exit code 0: nothing');
  return health.action(() =>
    tools.onScheduler(health, async ({ admin }, options) => {
      const { stores } = await admin.clusterStatus();
      const regions = await admin.regions();
      const problems = problemsOf(stores, regions, options.names);
      const isHealthy = problems.length === 0;
      const live = stores.filter(({ condition }) => condition === 'up').length;
      const summary = `${live} stores are up, ${regions.length} Regions`;
      print(options, { healthy: isHealthy, problems }, healthText(summary, problems));
      return isHealthy ? EXIT.ok : EXIT.failure;
    }),
  );
}

/** A line for each store that is not up, and for each Region that lacks something. */
export function problemsOf(
  stores: readonly StoreStatus[],
  regions: readonly RegionStatus[],
  names: ReadonlyMap<string, string>,
): string[] {
  const problems: string[] = [];
  const up = new Set<number>();
  for (const info of stores) {
    if (info.condition === 'up') up.add(info.store.id);
    else if (info.condition !== 'tombstone') {
      problems.push(`${describeStore(info, names)} is ${CONDITIONS[info.condition]}`);
    }
  }
  if (regions.length === 0) problems.push('no Region has reported');
  for (const info of regions) {
    const lack = lackOf(info, up);
    if (lack !== undefined) problems.push(`Region ${info.region.id} ${lack}`);
  }
  return problems;
}

/** The gravest of what a Region lacks. */
function lackOf({ region, leader, pendingPeers }: RegionStatus, up: ReadonlySet<number>) {
  const voters = region.peers.filter((peer) => !peer.learner);
  const alive = voters.filter((peer) => up.has(peer.storeId)).length;
  if (alive * 2 <= voters.length) return `has lost its quorum: ${alive} of ${voters.length} voters`;
  if (leader === undefined) return 'has no leader';
  if (!up.has(leader.storeId)) return 'is led by a store that is not up';
  if (alive < voters.length) return `has ${alive} of ${voters.length} voters on stores that are up`;
  if (pendingPeers.length > 0) return `has ${pendingPeers.length} peers that catch up`;
  return undefined;
}

function healthText(summary: string, problems: readonly string[]): string {
  if (problems.length === 0) return `healthy: ${summary}`;
  const shown = problems.slice(0, SHOWN_MAX);
  const more = problems.length - shown.length;
  return [`${summary}; in need of care:`, ...shown, ...(more > 0 ? [`and ${more} more`] : [])].join(
    '\n',
  );
}
