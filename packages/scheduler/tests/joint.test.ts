/** The real scheduler, real stores and a real client on one clock: growing, draining, restarting. */
import { equalBytes, fromUtf8, utf8 } from '@tinykv/base';
import { type FakeEnv, fakeEnv, ManualClock, MemoryFs, MemoryNetwork } from '@tinykv/base/testing';
import { describe, expect, it } from 'vitest';
import { Client } from '../../client/src/client.js';
import { SchedulerClient } from '../../client/src/scheduler-client.js';
import { MemoryEngine, MemoryRaftLog } from '../../engine/src/index.js';
import { defaultRaftStoreConfig } from '../../raftstore/src/index.js';
import { createStore, type StoreNode } from '../../server/src/store/create-store.js';
import { createScheduler, type Scheduler } from '../src/index.js';

const ADDRESS = 'scheduler:2379';

/** A whole cluster in one heap; every process has an Env of its own. */
class JointCluster {
  readonly clock = new ManualClock();
  readonly net = new MemoryNetwork(this.clock);
  readonly failures: unknown[] = [];
  readonly stores = new Map<number, StoreNode>();
  readonly #schedulerFs = new MemoryFs();
  readonly #schedulerLog = new MemoryRaftLog();
  #scheduler: Scheduler | undefined;
  #closeScheduler: (() => Promise<void>) | undefined;
  client!: Client;
  #seed = 0;

  #env(fs: MemoryFs = new MemoryFs()): FakeEnv {
    return fakeEnv({ clock: this.clock, net: this.net, fs, seed: ++this.#seed });
  }

  readonly #fatal = (error: unknown): void => void this.failures.push(error);

  get status(): ReturnType<Scheduler['status']> {
    return this.#scheduler!.status();
  }

  async startScheduler(): Promise<void> {
    const parts = { log: this.#schedulerLog, fatal: this.#fatal };
    const config = { clientUrls: [`http://${ADDRESS}`] };
    this.#scheduler = await createScheduler(this.#env(this.#schedulerFs), parts, config);
    const server = await this.net.serve(ADDRESS, this.#scheduler.services());
    this.#closeScheduler = () => server.close(0);
    await this.clock.runUntil(this.#scheduler.start());
  }

  async stopScheduler(): Promise<void> {
    await this.#closeScheduler!();
    await this.clock.runUntil(this.#scheduler!.stop());
    await this.#schedulerLog.close();
  }

  async addStore(n: number): Promise<number> {
    const env = this.#env();
    const address = `store-${n}:20160`;
    const scheduler = await this.clock.runUntil(SchedulerClient.connect(env, [ADDRESS]));
    const parts = {
      kv: new MemoryEngine(),
      log: new MemoryRaftLog(),
      scheduler,
      fatal: this.#fatal,
    };
    const config = {
      ...defaultRaftStoreConfig,
      address,
      regionMaxBytes: 40_000,
      regionSplitBytes: 20_000,
      splitCheckIntervalMs: 500,
      regionHeartbeatMs: 1_000,
      storeHeartbeatMs: 1_000,
      requestTimeoutMs: 5_000,
      gcPollMs: 10_000,
      gcPagePauseMs: 20,
    };
    const store = await this.clock.runUntil(createStore(env, parts, config));
    await this.net.serve(address, store.services());
    await this.clock.runUntil(store.start());
    this.stores.set(store.storeId, store);
    return store.storeId;
  }

  async connect(): Promise<void> {
    const connecting = Client.connect(this.#env(), { scheduler: ADDRESS });
    this.client = await this.clock.runUntil(connecting);
  }

  /** Peers, and leaders, by store, as the stores themselves have them. */
  counts(role: 'peer' | 'leader'): Record<number, number> {
    const out: Record<number, number> = {};
    for (const [id, store] of this.stores) {
      const regions = store.regions();
      out[id] = regions.filter((r) => role === 'peer' || r.role === 'StateLeader').length;
    }
    return out;
  }

  async put(from: number, to: number): Promise<void> {
    for (let i = from; i < to; i++) {
      await this.clock.runUntil(this.client.raw.put(keyOf(i), payloadOf(i)));
    }
  }

  /** Keys of a range that do not have what was put to them. */
  async wrong(from: number, to: number): Promise<string[]> {
    const out: string[] = [];
    for (let i = from; i < to; i++) {
      const value = await this.clock.runUntil(this.client.raw.get(keyOf(i)));
      if (value === undefined || !equalBytes(value, payloadOf(i))) out.push(fromUtf8(keyOf(i)));
    }
    return out;
  }

  async until(what: string, isTrue: () => boolean, maxSeconds: number): Promise<void> {
    for (let i = 0; i < maxSeconds && !isTrue(); i++) await this.clock.run(1_000);
    expect([what, isTrue(), this.failures]).toEqual([what, true, []]);
  }
}

function keyOf(i: number): Uint8Array {
  return utf8(`key-${String(i).padStart(6, '0')}`);
}

/** Another value for each key: one that is found under the key of another shows. */
function payloadOf(i: number): Uint8Array {
  return utf8(`${i} `.repeat(1_000)).subarray(0, 1_000);
}

function isEven(counts: Record<number, number>): boolean {
  const values = Object.values(counts);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.every((value) => Math.abs(value - mean) <= Math.max(2, 0.15 * mean));
}

describe('scheduler, stores and client together', () => {
  it('replicate, split, balance, drain, and go on over a restart of the scheduler', async () => {
    const cluster = new JointCluster();
    await cluster.startScheduler();
    for (let n = 1; n <= 3; n++) await cluster.addStore(n);
    await cluster.connect();
    const replicated = () =>
      [...cluster.stores.values()].every((store) => store.regions().some((r) => r.applied > 0));
    await cluster.until('the first Region has three peers', replicated, 30);
    await cluster.put(0, 600);
    await cluster.until('many Regions', () => cluster.status.regions > 12, 60);
    await cluster.until('leaders are even', () => isEven(cluster.counts('leader')), 60);

    const fourth = await cluster.addStore(4);
    const moved = () => cluster.counts('peer')[fourth]! > 0 && isEven(cluster.counts('peer'));
    await cluster.until('a fourth store takes its share', moved, 120);

    await cluster.stopScheduler();
    await cluster.startScheduler();
    await cluster.until('the scheduler knows all again', () => cluster.status.prepared, 30);

    const [first] = cluster.stores.keys();
    const { admin } = cluster.client.scheduler;
    await cluster.clock.runUntil(admin.setStoreState(first!, 'offline'));
    await cluster.until(
      'the first store is drained',
      () => cluster.counts('peer')[first!] === 0,
      200,
    );
    await cluster.clock.run(10_000);
    const stores = await cluster.clock.runUntil(cluster.client.scheduler.allStores());
    expect(stores.find(({ id }) => id === first)?.state).toBe('tombstone');
    await cluster.put(605, 620);
    expect([...(await cluster.wrong(0, 600)), ...(await cluster.wrong(605, 620))]).toEqual([]);
    expect(await cluster.wrong(600, 605)).toHaveLength(5); // Nobody has put these.
    expect(cluster.failures).toEqual([]);
  });
});
