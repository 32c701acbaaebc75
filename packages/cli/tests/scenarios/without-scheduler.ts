import { fromUtf8, utf8 } from '@tinykv/base';
import type { Client } from '@tinykv/client';
import { type LiveCluster, type LiveClusterOptions, withCluster } from './live-cluster.js';

export interface WithoutSchedulerOptions {
  readonly rounds: number;
  readonly portBase: number;
  readonly print: (line: string) => void;
}

export interface WithoutSchedulerResult {
  /** From each kill of a leader until the next put was acknowledged. */
  readonly recoveryMs: readonly number[];
  /** From each start of the killed store until it was ready, the scheduler still away. */
  readonly restartMs: readonly number[];
  /** Puts that were acknowledged and are not there. */
  readonly lost: readonly string[];
}

const KEY = utf8('without-scheduler');
const LIMIT_MS = 30_000;

/** The scheduler is killed, then the store that leads; the killed store comes back before the scheduler does. */
export function runWithoutScheduler(
  options: WithoutSchedulerOptions,
): Promise<WithoutSchedulerResult> {
  const { portBase, print } = options;
  const cluster: LiveClusterOptions = {
    name: 'without-scheduler',
    stores: 3,
    gateway: false,
    portBase,
    print,
  };
  return withCluster(cluster, async (live) => {
    const result = { recoveryMs: [] as number[], restartMs: [] as number[], lost: [] as string[] };
    for (let round = 1; round <= options.rounds; round++) await oneRound(live, round, result);
    return result;
  });
}

async function oneRound(
  live: LiveCluster,
  round: number,
  {
    recoveryMs,
    restartMs,
    lost,
  }: Record<'recoveryMs' | 'restartMs', number[]> & {
    lost: string[];
  },
): Promise<void> {
  const client = await live.client();
  try {
    const leader = await live.leadingStore();
    await client.raw.put(KEY, utf8(`before ${round}`));
    await live.kill('scheduler');
    await live.kill(leader);
    const killedAt = performance.now();
    await putUntilTaken(live, client, `after ${round}`);
    recoveryMs.push(Math.round(performance.now() - killedAt));

    const startedAt = performance.now();
    live.start(leader);
    const status = live.cluster.member(leader)!.spec.statusAddress;
    await live.until(`${leader} without the scheduler`, LIMIT_MS, async () =>
      (await fetch(`http://${status}/ready`)).ok ? true : undefined,
    );
    restartMs.push(Math.round(performance.now() - startedAt));
    const found = await client.raw.get(KEY);
    const value = found === undefined ? 'nothing' : fromUtf8(found);
    if (value !== `after ${round}`) lost.push(`after ${round}: ${value}`);
    live.print(
      `round ${round}: killed ${leader}, served after ${recoveryMs.at(-1)} ms, ready again in ${restartMs.at(-1)} ms`,
    );
    live.start('scheduler');
    await live.waitReady();
  } finally {
    client.close();
  }
}

/** A put whose answer was lost has an unknown outcome, and the next one says the same. */
async function putUntilTaken(live: LiveCluster, client: Client, value: string): Promise<void> {
  await live.until('a put without the scheduler', LIMIT_MS, async () => {
    await client.raw.put(KEY, utf8(value));
    return true;
  });
}
