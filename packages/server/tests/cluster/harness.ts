import {
  type Awaitable,
  assert,
  type RegionId,
  type Result,
  type Rng,
  toHex,
  utf8,
} from '@tinykv/base';
import { fakeEnv, ManualClock, MemoryFs, MemoryNetwork } from '@tinykv/base/testing';
import { MemoryRaftLog } from '@tinykv/engine';
import {
  family,
  findPeerOnStore,
  type KeyRange,
  locationKey,
  type Region,
  type RegionError,
  type RequestContext,
  regionRanges,
} from '@tinykv/model';
import {
  defaultRaftStoreConfig,
  RaftStore,
  type RaftStoreConfig,
  type RegionStatus,
} from '@tinykv/raftstore';
import { RawExecutor } from '@tinykv/txn';
import { CrashEngine } from './crash-engine.js';
import { FakeScheduler } from './fake-scheduler.js';
import { MortalEnv } from './mortal-env.js';

interface Node {
  readonly address: string;
  readonly fs: MemoryFs;
  engine: CrashEngine;
  readonly log: MemoryRaftLog;
  store: RaftStore | undefined;
  raw: RawExecutor | undefined;
  close: (() => Promise<void>) | undefined;
  mortal: MortalEnv | undefined;
}

export interface ClusterOptions {
  readonly stores?: number;
  readonly config?: Partial<RaftStoreConfig>;
}

/** Stores on one manual clock and network, with a scheduler that does nothing by itself. */
export class TestCluster {
  readonly clock = new ManualClock();
  readonly net = new MemoryNetwork(this.clock);
  readonly scheduler = new FakeScheduler();
  readonly nodes: Node[] = [];
  readonly fatals: unknown[] = [];
  /** Stores started while this names fail points die when they reach one … */
  crashPoints: readonly string[] = [];
  /** … and are listed here, to be crashed and started again. */
  readonly crashed: number[] = [];
  readonly #config: Partial<RaftStoreConfig>;
  #lives = 0;

  private constructor(options: ClusterOptions) {
    this.#config = options.config ?? {};
  }

  static async start(options: ClusterOptions = {}): Promise<TestCluster> {
    const cluster = new TestCluster(options);
    for (let i = 0; i < (options.stores ?? 3); i++) await cluster.addStore();
    return cluster;
  }

  async addStore(): Promise<number> {
    const at = this.nodes.length;
    this.nodes.push({
      address: `store-${at + 1}:1`,
      fs: new MemoryFs(),
      engine: new CrashEngine(),
      log: new MemoryRaftLog(),
      store: undefined,
      raw: undefined,
      close: undefined,
      mortal: undefined,
    });
    await this.startStore(at);
    return at;
  }

  async startStore(at: number): Promise<void> {
    const node = this.nodes[at]!;
    const seed = `store-${at}-${++this.#lives}`;
    const fake = fakeEnv({ clock: this.clock, net: this.net, fs: node.fs, seed });
    const mortal = new MortalEnv(fake);
    node.mortal = mortal;
    for (const point of this.crashPoints) {
      fake.faults.arm(point, () => {
        this.crashed.push(at);
        mortal.kill();
        throw new Error(`killed at ${point}`);
      });
    }
    const { tickMs: _tick, ...replica } = defaultRaftStoreConfig.replica;
    const config: RaftStoreConfig = {
      ...defaultRaftStoreConfig,
      replica: { ...replica, tickMs: 50, logGcIntervalMs: 500, ...this.#config.replica },
      splitCheckIntervalMs: 200,
      heartbeatCheckMs: 100,
      address: node.address,
      ...this.#config,
    };
    const open = RaftStore.open(
      mortal.env,
      {
        engine: node.engine,
        log: node.log,
        scheduler: this.scheduler.api(),
        fatal: (error) => {
          if (!mortal.dead) this.fatals.push(error);
        },
      },
      config,
    );
    node.store = await this.clock.runUntil(open);
    node.raw = new RawExecutor(mortal.env, node.store.access);
    const server = await this.net.serve(node.address, {
      unary: new Map(),
      stream: mortal.streams(node.store.streams()),
    });
    node.close = () => server.close(0);
    await this.clock.runUntil(node.store.start());
  }

  /** Stops a store; what it has on disk stays. */
  async stopStore(at: number): Promise<void> {
    const node = this.nodes[at]!;
    const { store, close } = node;
    node.store = undefined;
    node.raw = undefined;
    await close?.();
    if (store !== undefined) await this.clock.runUntil(store.stop());
    await node.log.close();
  }

  /** `kill -9` and loss of what was not made durable. */
  async crashStore(at: number, rng: Rng): Promise<void> {
    const node = this.nodes[at]!;
    node.mortal!.kill();
    node.store = undefined;
    node.raw = undefined;
    await node.close?.();
    node.log.crash();
    node.engine = await CrashEngine.afterCrash(node.engine, rng);
  }

  /** Lets time pass until the condition holds. */
  async until(what: string, condition: () => boolean, maxMs = 60_000): Promise<void> {
    for (let passed = 0; passed < maxMs; passed += 50) {
      if (this.fatals.length > 0) throw this.fatals[0];
      if (condition()) return;
      await this.clock.run(50);
    }
    assert(false, `not within ${maxMs} ms: ${what}`);
  }

  regionOf(key: string): Region {
    const known = this.scheduler.regions.find(locationKey('txn', utf8(key)));
    assert(known !== undefined, `no region for ${key}`);
    return known.region;
  }

  leaderOf(regionId: RegionId): number | undefined {
    return indexOrUndefined(
      this.nodes.findIndex((node) =>
        node.store
          ?.regions()
          .some((r) => r.region.id === regionId && r.role === 'StateLeader' && r.applied > 5),
      ),
    );
  }

  context(region: Region, at: number): RequestContext {
    const peer = findPeerOnStore(region, this.nodes[at]!.store?.storeId ?? 0);
    return { regionId: region.id, epoch: region.epoch, peer, term: 0 };
  }

  /** Retries on every region error, as a client would; outcomes must be known in these tests. */
  async #retry<T>(
    key: string,
    run: (node: Node, context: RequestContext) => Awaitable<Result<T, RegionError>>,
  ): Promise<T> {
    for (let tries = 0; tries < 400; tries++) {
      const region = this.regionOf(key);
      const at = this.leaderOf(region.id);
      if (at !== undefined) {
        const node = this.nodes[at]!;
        const result = await this.clock.runUntil(run(node, this.context(region, at)));
        if (result.ok) return result.value;
      }
      await this.clock.run(50);
    }
    throw new Error(`no success for ${key}`);
  }

  async put(key: string, value: string): Promise<void> {
    await this.#retry(key, (node, context) =>
      node.raw!.put(context, 'default', utf8(key), utf8(value)),
    );
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const answer = await this.#retry(key, (node, context) =>
      node.raw!.get(context, 'default', utf8(key)),
    );
    assert(answer.type === 'ok', 'a raw get has no error here');
    return answer.value;
  }

  async addPeer(regionId: number, at: number): Promise<void> {
    const storeId = this.nodes[at]!.store!.storeId;
    const id = this.scheduler.allocId();
    const peer = { id, storeId, learner: false };
    await this.until(`region ${regionId} on store ${storeId}`, () => {
      const known = this.scheduler.regions.get(regionId);
      if (known !== undefined && findPeerOnStore(known.region, storeId)) {
        return !known.report?.pendingPeers.some((p) => p.id === id);
      }
      this.scheduler.order(regionId, () => ({ type: 'add-peer', peer }));
      return false;
    });
  }

  async removePeer(regionId: number, at: number): Promise<void> {
    const storeId = this.nodes[at]!.store!.storeId;
    await this.until(`region ${regionId} off store ${storeId}`, () => {
      const region = this.scheduler.regions.get(regionId)!.region;
      const peer = findPeerOnStore(region, storeId);
      if (peer === undefined) return true;
      this.scheduler.order(regionId, () => ({ type: 'remove-peer', peer }));
      return false;
    });
  }

  /** All data that a store holds, in one text: replicas that agree are equal. */
  dataOf(at: number): Promise<string> {
    return this.#dump(at, [
      { start: Uint8Array.of(family.value), end: Uint8Array.of(family.expiry + 1) },
    ]);
  }

  /** The data of one Region on a store. */
  regionDataOf(at: number, region: Region): Promise<string> {
    return this.#dump(at, regionRanges('txn', region.range));
  }

  async #dump(at: number, ranges: readonly KeyRange[]): Promise<string> {
    const out: string[] = [];
    for (const range of ranges) {
      const iterator = this.nodes[at]!.engine.iterator(range);
      for (;;) {
        const page = await iterator.next(1000);
        if (page.length === 0) break;
        for (const [key, value] of page) out.push(`${toHex(key)}=${toHex(value)}`);
      }
      await iterator.close();
    }
    return out.join('\n');
  }

  /** Waits until all replicas of a Region have applied the same, then compares their data. */
  async expectEqualReplicas(regionId: RegionId): Promise<void> {
    const statuses = (): RegionStatus[] =>
      this.nodes
        .flatMap((node) => node.store?.regions() ?? [])
        .filter((r) => r.region.id === regionId);
    await this.until(`replicas of region ${regionId} are level`, () => {
      const { region } = this.scheduler.regions.get(regionId)!;
      const all = statuses();
      const leader = all.find((r) => r.role === 'StateLeader');
      return (
        leader !== undefined &&
        all.length === region.peers.length &&
        all.every((r) => r.applied === leader.lastIndex)
      );
    });
    const { region } = statuses()[0]!;
    const texts = await Promise.all(
      region.peers.map((peer) =>
        this.regionDataOf(
          this.nodes.findIndex((node) => node.store?.storeId === peer.storeId),
          region,
        ),
      ),
    );
    for (const text of texts) assert(text === texts[0], `replicas of region ${regionId} differ`);
  }

  async stop(): Promise<void> {
    for (let at = 0; at < this.nodes.length; at++) {
      if (this.nodes[at]!.store !== undefined) await this.stopStore(at);
    }
  }
}

function indexOrUndefined(index: number): number | undefined {
  return index < 0 ? undefined : index;
}
