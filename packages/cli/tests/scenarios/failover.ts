import { setTimeout as sleep } from 'node:timers/promises';
import { RespClient, RespError } from '../../src/resp-client.js';
import { type LiveCluster, type LiveClusterOptions, withCluster } from './live-cluster.js';

export interface FailoverOptions {
  readonly rounds: number;
  readonly writers: number;
  readonly portBase: number;
  readonly print: (line: string) => void;
}

export interface FailoverResult {
  readonly acknowledged: number;
  readonly unknown: number;
  /** Keys whose acknowledged value is not there afterwards. */
  readonly lost: readonly string[];
  /** Counters that are outside [acknowledged, acknowledged + unknown]. */
  readonly miscounted: readonly string[];
  /** From each kill until every writer was served again. */
  readonly recoveryMs: readonly number[];
}

/** Long enough for an election, a restart and the replay of a log on a slow machine. */
const RECOVERY_MS = 30_000;
/** Writes in steady state before the next crash. */
const WRITES_BEFORE_CRASH = 300;

/**
 * Writers through the gateway count what is acknowledged while the store that leads is killed with
 * kill -9 and restarted, another is killed, and then all at once. Every acknowledged write must be there
 * afterwards, and every INCR at most once.
 */
export function runFailover(options: FailoverOptions): Promise<FailoverResult> {
  const cluster: LiveClusterOptions = {
    name: 'failover',
    stores: 3,
    gateway: true,
    portBase: options.portBase,
    storeArgs: ['--region-max-size=1MB', '--region-split-size=512KB', '--split-check-interval=1s'],
    print: options.print,
  };
  return withCluster(cluster, async (live) => {
    const address = live.cluster.gatewayAddress;
    const writers = Array.from({ length: options.writers }, (_, i) => new Writer(i, address));
    const runs = writers.map((writer) => writer.run());
    const recoveryMs: number[] = [];
    try {
      for (let round = 1; round <= options.rounds; round++) {
        recoveryMs.push(...(await oneRound(live, writers, round)));
      }
    } finally {
      for (const writer of writers) writer.stop();
      await Promise.all(runs);
    }
    return { ...(await verify(address, writers)), recoveryMs };
  });
}

async function oneRound(
  live: LiveCluster,
  writers: readonly Writer[],
  round: number,
): Promise<number[]> {
  const times: number[] = [];
  const total = (): number => writers.reduce((sum, writer) => sum + writer.acknowledged, 0);
  const crash = async (names: readonly string[]): Promise<void> => {
    const enough = total() + WRITES_BEFORE_CRASH;
    await live.until('writing', RECOVERY_MS, () =>
      Promise.resolve(total() >= enough ? true : undefined),
    );
    const killedAt = performance.now();
    await Promise.all(names.map((name) => live.kill(name)));
    // With all stores gone nobody is served before they are back.
    if (names.length > 1) for (const name of names) live.start(name);
    await servedAgain(live, writers);
    times.push(Math.round(performance.now() - killedAt));
    for (const name of names) live.start(name);
    await live.waitReady();
    live.print(
      `round ${round}: killed ${names.join(' ')}, served again after ${times.at(-1)} ms, ${total()} writes acknowledged`,
    );
  };
  const first = await live.leadingStore();
  await crash([first]);
  const others = live.cluster.stores
    .map((store) => store.spec.name)
    .filter((name) => name !== first);
  await crash([others[round % others.length] ?? first]);
  await crash(live.cluster.stores.map((store) => store.spec.name));
  return times;
}

/** Waits until every writer has had a write acknowledged that it sent from now on. */
function servedAgain(live: LiveCluster, writers: readonly Writer[]): Promise<true> {
  const since = performance.now();
  return live.until('serving writes again', RECOVERY_MS, () =>
    Promise.resolve(writers.every((writer) => writer.lastAckedSentAt > since) ? true : undefined),
  );
}

/** SETs keys of its own and INCRs a counter of its own, one command at a time. */
class Writer {
  readonly name: string;
  readonly #address: string;
  readonly values = new Map<string, string>();
  counterAcknowledged = 0;
  counterUnknown = 0;
  setsUnknown = 0;
  /** When the newest acknowledged command was sent. */
  lastAckedSentAt = 0;
  #isStopped = false;
  #client: RespClient | undefined;

  constructor(number: number, address: string) {
    this.name = `writer-${number}`;
    this.#address = address;
  }

  get counter(): string {
    return `failover:counter:${this.name}`;
  }

  get acknowledged(): number {
    return this.values.size + this.counterAcknowledged;
  }

  stop(): void {
    this.#isStopped = true;
  }

  async run(): Promise<void> {
    for (let i = 0; !this.#isStopped; i++) {
      const key = `failover:${this.name}:${i}`;
      const set = await this.#send('SET', key, String(i));
      if (set === 'acknowledged') this.values.set(key, String(i));
      else if (set === 'unknown') this.setsUnknown++;
      const incr = await this.#send('INCR', this.counter);
      if (incr === 'acknowledged') this.counterAcknowledged++;
      else if (incr === 'unknown') this.counterUnknown++;
    }
    this.#client?.close();
  }

  /** A refusal that says so has no effect; a lost connection may or may not have had one. */
  async #send(...command: string[]): Promise<'acknowledged' | 'refused' | 'unknown'> {
    try {
      this.#client = await this.#connected();
    } catch {
      await sleep(20); // The gateway is not there: nothing was sent.
      return 'refused';
    }
    const sentAt = performance.now();
    try {
      const reply = await this.#client.command(...command);
      if (reply instanceof RespError) {
        return reply.message.includes('unknown') ? 'unknown' : 'refused';
      }
      this.lastAckedSentAt = sentAt;
      return 'acknowledged';
    } catch {
      return 'unknown';
    }
  }

  #connected(): Promise<RespClient> {
    const client = this.#client;
    return client === undefined || client.isClosed
      ? RespClient.connect(this.#address)
      : Promise.resolve(client);
  }
}

async function verify(
  address: string,
  writers: readonly Writer[],
): Promise<Omit<FailoverResult, 'recoveryMs'>> {
  const client = await RespClient.connect(address);
  const lost: string[] = [];
  const miscounted: string[] = [];
  for (const writer of writers) {
    const entries = [...writer.values];
    const found = await Promise.all(entries.map(([key]) => client.command('GET', key)));
    for (const [i, [key, value]] of entries.entries()) {
      if (found[i] !== value) lost.push(`${key}: ${JSON.stringify(found[i])}, not ${value}`);
    }
    const count = Number(await client.command('GET', writer.counter));
    const { counterAcknowledged: least, counterUnknown } = writer;
    if (!(count >= least && count <= least + counterUnknown)) {
      miscounted.push(`${writer.counter}: ${count}, not ${least} to ${least + counterUnknown}`);
    }
  }
  client.close();
  return {
    acknowledged: writers.reduce((sum, writer) => sum + writer.acknowledged, 0),
    unknown: writers.reduce((sum, w) => sum + w.counterUnknown + w.setsUnknown, 0),
    lost,
    miscounted,
  };
}
