import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type ClientOptions, type RegionStatus, type SchedulerAdmin } from '@tinykv/client';
import { createEnv, type RealEnv } from '@tinykv/env-real';
import { AdminConnection, describeEnd, waitReady } from '@tinykv/kvs';
import { Cluster } from '../../src/playground/cluster.js';
import { choosePorts } from '../../src/playground/ports.js';

export interface LiveClusterOptions {
  readonly name: string;
  readonly stores: number;
  readonly gateway: boolean;
  readonly portBase: number;
  readonly storeArgs?: readonly string[];
  readonly schedulerArgs?: readonly string[];
  /** Where the data goes, kept; otherwise a temporary folder that `stop` removes. */
  readonly dataDir?: string;
  readonly print: (line: string) => void;
}

const READY_MS = 60_000;

/** A cluster of real processes for a scenario. Needs the build. */
export class LiveCluster {
  readonly cluster: Cluster;
  readonly env: RealEnv;
  readonly dataDir: string;
  readonly print: (line: string) => void;
  readonly #admin: AdminConnection;
  readonly #keepsData: boolean;
  readonly #unexpected: string[] = [];

  private constructor(options: LiveClusterOptions, cluster: Cluster, dataDir: string) {
    this.cluster = cluster;
    this.dataDir = dataDir;
    this.print = options.print;
    this.env = createEnv({ name: options.name, logLevel: 'error' });
    this.#admin = new AdminConnection(this.env, [cluster.schedulerAddress]);
    this.#keepsData = options.dataDir !== undefined;
  }

  static async start(options: LiveClusterOptions): Promise<LiveCluster> {
    const ports = await choosePorts(options.portBase, options.stores + 1);
    if (ports === undefined) throw new Error('no free ports');
    const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), `tinykv-${options.name}-`));
    const ends: { report: (line: string) => void } = { report: () => undefined };
    const cluster = new Cluster({
      dataDir,
      block: ports.block,
      stores: options.stores,
      gateway: options.gateway,
      storeArgs: options.storeArgs ?? [],
      schedulerArgs: options.schedulerArgs ?? [],
      onEnd: (member, end) => {
        if (end.asked) return;
        ends.report(
          `${member.spec.name} has ended with ${describeEnd(end)}:\n${member.logTail(10)}`,
        );
      },
    });
    const live = new LiveCluster(options, cluster, dataDir);
    ends.report = (line) => {
      live.print(line);
      live.#unexpected.push(line);
    };
    cluster.startAll();
    try {
      await live.waitReady();
    } catch (error) {
      await live.abandon();
      throw error;
    }
    return live;
  }

  /** Processes that ended although nobody killed them. */
  get unexpectedEnds(): readonly string[] {
    return this.#unexpected;
  }

  admin(): Promise<SchedulerAdmin> {
    return this.#admin.get();
  }

  client(options: Partial<ClientOptions> = {}): Promise<Client> {
    return Client.connect(this.env, { scheduler: this.cluster.schedulerAddress, ...options });
  }

  async waitReady(): Promise<void> {
    const running = this.cluster.stores.filter((store) => store.state === 'running').length;
    const gateway = this.cluster.member('gateway');
    const missing = await waitReady({
      admin: () => this.#admin.get(),
      stores: running,
      gatewayStatus: gateway?.state === 'running' ? gateway.spec.statusAddress : undefined,
      timeoutMs: READY_MS,
      aborted: () => this.#unexpected.length > 0,
    });
    if (missing !== undefined) throw new Error(`the cluster is not ready: ${missing}`);
  }

  /** Polls until `look` gives a value; throws with `what` when it takes too long. */
  async until<T>(what: string, timeoutMs: number, look: () => Promise<T | undefined>): Promise<T> {
    const deadline = performance.now() + timeoutMs;
    let problem = '';
    while (performance.now() < deadline) {
      try {
        const value = await look();
        if (value !== undefined) return value;
      } catch (error) {
        problem = `: ${error instanceof Error ? error.message : String(error)}`;
      }
      await sleep(50);
    }
    throw new Error(`${what} took longer than ${timeoutMs} ms${problem}`);
  }

  async regions(): Promise<readonly RegionStatus[]> {
    return (await this.admin()).regions();
  }

  /** The running store that leads most Regions. */
  async leadingStore(): Promise<string> {
    return this.until('finding a leader', 10_000, async () => {
      const { stores } = await (await this.admin()).clusterStatus();
      const names = new Map(this.cluster.stores.map((m) => [m.spec.address, m]));
      const led = stores
        .filter(({ store }) => names.get(store.address)?.state === 'running')
        .sort((a, b) => b.leaderCount - a.leaderCount)[0];
      if (led === undefined || led.leaderCount === 0) return undefined;
      return names.get(led.store.address)?.spec.name;
    });
  }

  async kill(name: string): Promise<void> {
    await this.cluster.member(name)?.kill();
  }

  start(name: string): void {
    this.cluster.member(name)?.start();
  }

  async stop(): Promise<void> {
    this.#admin.close();
    await this.cluster.stopAll();
    await this.env.close();
    if (!this.#keepsData) rmSync(this.dataDir, { recursive: true, force: true });
  }

  /** At the end of a scenario that failed: nothing is waited for, the data stays for a look. */
  async abandon(): Promise<void> {
    await this.cluster.killAll();
    await this.env.close();
    this.print(`data and logs are in ${this.dataDir}`);
  }
}

/** Runs a scenario on a cluster of its own and ends the cluster, whatever comes of it. */
export async function withCluster<T>(
  options: LiveClusterOptions,
  scenario: (live: LiveCluster) => Promise<T>,
): Promise<T> {
  const live = await LiveCluster.start(options);
  try {
    const result = await scenario(live);
    await live.stop();
    if (live.unexpectedEnds.length > 0) throw new Error(live.unexpectedEnds.join('\n'));
    return result;
  } catch (error) {
    await live.abandon();
    throw error;
  }
}
