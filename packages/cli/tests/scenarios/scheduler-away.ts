import { setTimeout as sleep } from 'node:timers/promises';
import { RespClient, RespError } from '../../src/resp-client.js';
import { withCluster } from './live-cluster.js';

export interface SchedulerAwayOptions {
  /** How long the scheduler stays away. */
  readonly seconds: number;
  readonly portBase: number;
  readonly print: (line: string) => void;
}

export interface SchedulerAwayResult {
  readonly gets: number;
  /** Replies to GET that were not the value. */
  readonly wrong: readonly string[];
  readonly slowestGetMs: number;
  /** What SET was answered. */
  readonly refusals: readonly string[];
  readonly slowestSetMs: number;
  /** From the restart of the scheduler to the first SET that was served. */
  readonly backAfterMs: number;
}

const BACK_MS = 30_000;
const PAUSE_MS = 20;
const HOUR_MS = '3600000';

/** GETs go on while the scheduler is killed with kill -9; SETs fail at once and name it, and come again. */
export function runSchedulerAway(options: SchedulerAwayOptions): Promise<SchedulerAwayResult> {
  const { portBase, print } = options;
  const cluster = { name: 'scheduler-away', stores: 3, gateway: true, portBase, print };
  return withCluster(cluster, async (live) => {
    const client = await RespClient.connect(live.cluster.gatewayAddress);
    try {
      await client.command('SET', 'plain', 'v');
      await client.command('SET', 'expires', 'v', 'PX', HOUR_MS);
      await live.kill('scheduler');
      const away = await watch(client, options.seconds);
      const begun = performance.now();
      live.start('scheduler');
      await live.until('SET with the scheduler back', BACK_MS, async () => {
        return (await client.command('SET', 'plain', 'w')) === 'OK' ? true : undefined;
      });
      return { ...away, backAfterMs: Math.round(performance.now() - begun) };
    } finally {
      client.close();
    }
  });
}

async function watch(
  client: RespClient,
  seconds: number,
): Promise<Omit<SchedulerAwayResult, 'backAfterMs'>> {
  const wrong: string[] = [];
  const refusals = new Set<string>();
  let gets = 0;
  let slowestGetMs = 0;
  let slowestSetMs = 0;
  const end = performance.now() + seconds * 1_000;
  for (let i = 0; performance.now() < end; i++) {
    for (const key of ['plain', 'expires']) {
      const begun = performance.now();
      const reply = await client.command('GET', key);
      slowestGetMs = Math.max(slowestGetMs, performance.now() - begun);
      gets++;
      if (reply !== 'v') wrong.push(reply instanceof RespError ? reply.message : String(reply));
    }
    if (i % 25 === 0) {
      const begun = performance.now();
      const reply = await client.command('SET', 'plain', 'x');
      slowestSetMs = Math.max(slowestSetMs, performance.now() - begun);
      refusals.add(reply instanceof RespError ? reply.message : String(reply));
    }
    await sleep(PAUSE_MS);
  }
  return {
    gets,
    wrong,
    slowestGetMs: Math.round(slowestGetMs),
    refusals: [...refusals],
    slowestSetMs: Math.round(slowestSetMs),
  };
}
