import { assert, fromUtf8, limits, utf8 } from '@tinykv/base';
import { findPeerOnStore } from '@tinykv/model';
import { type errorpb, type kvrpcpb, tinykvpb } from '@tinykv/proto';
import { Cluster, type FormerCluster, type StoreRegion } from '../src/cluster/cluster.js';
import type { Node } from '../src/cluster/node.js';
import type { ClusterShape } from '../src/cluster/sim-config.js';
import type { StoreNode } from '../src/cluster/store-node.js';
import type { EngineLoss } from '../src/world/machine-engine.js';
import { World } from '../src/world/world.js';

const rpc = tinykvpb.TinyKv;

const SHAPE: ClusterShape = {
  stores: 3,
  gateways: 0,
  clients: 1,
  regionMaxBytes: 1_000_000,
  tickMs: 100,
  logGcEntries: 10_000,
  barrierIntervalMs: 500,
  diskDelayMs: 0.2,
  messageBytesMax: limits.raftMessageBytesMax,
  gcLifeMs: 0,
};

/** A cluster in a simulated world to which a test does what it names, at the moment that it names. */
export class Scenario {
  readonly world: World;
  readonly cluster: Cluster;
  /** Of every crash: what it took from the engine. */
  readonly losses: EngineLoss[] = [];
  /** Called whenever a process passes a fail point, before it goes on. */
  onPoint: (name: string) => void = () => undefined;

  private constructor(name: string, shape: Partial<ClusterShape>, former?: FormerCluster) {
    this.world = new World(name);
    this.cluster = new Cluster({
      world: this.world,
      shape: { ...SHAPE, ...shape },
      network: { delayMinMs: 1, delayMeanMs: 1, lossRate: 0, duplicateRate: 0, reorderRate: 0 },
      onCrash: (_node, loss) => this.losses.push(loss),
      onPoint: (name) => this.onPoint(name),
      ...(former === undefined ? {} : { former }),
    });
  }

  /** All programs of a cluster that has run before start; nothing is waited for. */
  static restart(name: string, former: FormerCluster, shape: Partial<ClusterShape> = {}): Scenario {
    const scenario = new Scenario(name, shape, former);
    void scenario.cluster.startAll();
    return scenario;
  }

  /** All programs run and every store has its peer of the first Region, with a vote. */
  static async start(name: string, shape: Partial<ClusterShape> = {}): Promise<Scenario> {
    const scenario = new Scenario(name, shape);
    void scenario.cluster.startAll();
    await scenario.until('all voters have applied the same', () => {
      const peers = scenario.cluster.peers();
      const voters = peers[0]?.status.region.peers.filter(({ learner }) => !learner) ?? [];
      return (
        scenario.cluster.nodes.every(({ up }) => up) &&
        voters.length === Math.min(3, scenario.cluster.stores.length) &&
        peers.length === voters.length &&
        new Set(peers.map(({ status }) => status.applied)).size === 1
      );
    });
    return scenario;
  }

  /** Lets simulated time pass. */
  async run(ms: number): Promise<void> {
    const end = this.world.now + ms;
    let over = false;
    this.world.after(ms, 'pause ends', () => {
      over = true;
    });
    await this.world.run(() => over || this.world.now > end);
  }

  /** Lets time pass until the condition holds. */
  async until(what: string, condition: () => boolean, maxMs = 60_000): Promise<void> {
    const end = this.world.now + maxMs;
    await this.world.run(() => condition() || this.world.now > end);
    assert(condition(), () => `not within ${maxMs} ms: ${what}`);
  }

  /** Lets time pass until the promise is settled. */
  async wait<T>(promise: Promise<T>, maxMs = 60_000): Promise<T> {
    let settled = false;
    const settle = (): void => {
      settled = true;
    };
    promise.then(settle, settle);
    await this.until('an answer', () => settled, maxMs);
    return promise;
  }

  /** The peer that leads in the highest term. */
  leader(): StoreRegion {
    const leader = this.findLeader();
    assert(leader !== undefined, 'nobody leads');
    return leader;
  }

  findLeader(): StoreRegion | undefined {
    return this.cluster
      .peers()
      .filter(({ status }) => status.role === 'StateLeader')
      .sort((a, b) => b.status.term - a.status.term)[0];
  }

  /** The only peer of a store. */
  peer(node: StoreNode): StoreRegion['status'] {
    const [status, ...more] = node.store?.regions() ?? [];
    assert(status !== undefined && more.length === 0, () => `${node.name} has not one peer`);
    return status;
  }

  /** Stores other than this one. */
  others(node: StoreNode): StoreNode[] {
    return this.cluster.stores.filter((other) => other !== node);
  }

  cut(from: Node, to: Node): void {
    this.cluster.network.cut(from.host, to.host);
  }

  heal(from: Node, to: Node): void {
    this.cluster.network.heal(from.host, to.host);
  }

  /** The store that a leader would hand over to: of equals, that of the first peer. */
  successor(): StoreNode {
    const { node, status } = this.leader();
    const heir = status.region.peers.find(({ storeId }) => storeId !== node.storeId);
    return this.cluster.stores.find(({ storeId }) => storeId === heir?.storeId)!;
  }

  /** The leader's store hands over at once. */
  transferLeader(): StoreNode {
    const heir = this.successor();
    this.leader().node.store!.transferLeaders();
    return heir;
  }

  async untilLeads(node: StoreNode): Promise<void> {
    const others = this.others(node);
    await this.until(`${node.name} leads`, () => {
      const { role, term } = this.peer(node);
      return role === 'StateLeader' && others.every((other) => this.peer(other).term <= term);
    });
  }

  /** A request to this very store, leader or not: what it answers, or the kind of its refusal. */
  async getAt(node: StoreNode, key: string): Promise<string> {
    const context = this.#context(node);
    const request = rpc.rawGet.request.encode({ context, cf: 'default', key: utf8(key) });
    const bytes = await node.store!.services().unary.get(rpc.rawGet.path)!(request, CALLER);
    const { regionError, value } = rpc.rawGet.response.decode(bytes);
    return regionError === undefined ? fromUtf8(value) : 'refused';
  }

  async putAt(node: StoreNode, key: string, value: string): Promise<string> {
    return (await this.putErrorAt(node, key, value)) === undefined ? 'ok' : 'refused';
  }

  /** Why the store refuses a write, or undefined once it has taken it. */
  async putErrorAt(
    node: StoreNode,
    key: string,
    value: string,
  ): Promise<errorpb.Error | undefined> {
    const context = this.#context(node);
    const request = { context, cf: 'default', key: utf8(key), value: utf8(value) };
    const handler = node.store!.services().unary.get(rpc.rawPut.path)!;
    const bytes = await handler(rpc.rawPut.request.encode(request), CALLER);
    return rpc.rawPut.response.decode(bytes).regionError;
  }

  #context(node: StoreNode): kvrpcpb.ContextInit {
    const { region } = this.peer(node);
    const peer = findPeerOnStore(region, node.storeId!)!;
    return { regionId: region.id, regionEpoch: region.epoch, peer };
  }
}

const CALLER = { address: 'test:0' };
