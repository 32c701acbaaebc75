import { setTimeout as sleep } from 'node:timers/promises';
import { errorMessage } from '@tinykv/base';
import type { ClusterStatus, RegionStatus, SchedulerAdmin } from '@tinykv/client';

/**
 * Why a cluster is not ready yet; undefined when every Region has a leader and enough voters. A store that was sent
 * offline counts as there, for it may stay so for ever where no other can take its peers; it is owed no voters.
 */
export function whatIsMissing(
  status: ClusterStatus,
  regions: readonly RegionStatus[],
  stores: number,
): string | undefined {
  if (!status.bootstrapped) return 'the cluster is not bootstrapped';
  const states = status.stores.map((info) => info.store.state);
  const up = states.filter((state) => state === 'up').length;
  const registered = states.filter((state) => state !== 'tombstone').length;
  if (registered < stores) return `${registered} of ${stores} stores have registered`;
  if (regions.length === 0) return 'no Region has reported';
  const voters = Math.min(stores, up, 3);
  for (const { region, leader } of regions) {
    if (leader === undefined) return `Region ${region.id} has no leader`;
    const count = region.peers.filter((peer) => !peer.learner).length;
    if (count < voters) return `Region ${region.id} has ${count} of ${voters} voters`;
  }
  return undefined;
}

export interface ReadyWait {
  /** Connects at the first call that finds the scheduler there. */
  readonly admin: () => Promise<SchedulerAdmin>;
  readonly stores: number;
  /** The gateway's status page, when there is a gateway. */
  readonly gatewayStatus: string | undefined;
  readonly timeoutMs: number;
  /** True to give up, say because a process has ended. */
  readonly aborted: () => boolean;
}

/** Polls until the cluster is ready; otherwise resolves with what was missing at the end. */
export async function waitReady(wait: ReadyWait): Promise<string | undefined> {
  const deadline = performance.now() + wait.timeoutMs;
  let missing: string | undefined = 'nothing has answered';
  while (!wait.aborted() && performance.now() < deadline) {
    missing = await look(wait);
    if (missing === undefined) return undefined;
    await sleep(100);
  }
  return missing;
}

async function look(wait: ReadyWait): Promise<string | undefined> {
  try {
    const admin = await wait.admin();
    const missing = whatIsMissing(await admin.clusterStatus(), await admin.regions(), wait.stores);
    if (missing !== undefined || wait.gatewayStatus === undefined) return missing;
    const answer = await fetch(`http://${wait.gatewayStatus}/ready`);
    return answer.ok ? undefined : 'the gateway is not ready';
  } catch (error) {
    return errorMessage(error);
  }
}
