import type { RegionStatus } from '@tinykv/raftstore';
import { Machine } from '../world/machine.js';
import type { EngineKind } from '../world/machine-engine.js';
import { Network, type NetworkTraits } from '../world/network.js';
import { SimProcess } from '../world/sim-proc.js';
import type { StoredFolder } from '../world/stored-folder.js';
import type { World } from '../world/world.js';
import { ClientNode } from './client-node.js';
import { GatewayNode } from './gateway-node.js';
import type { Node, NodeWorld } from './node.js';
import { SchedulerNode } from './scheduler-node.js';
import type { ClusterShape } from './sim-config.js';
import { StoreNode } from './store-node.js';

export interface ClusterOptions {
  readonly world: World;
  readonly shape: ClusterShape;
  readonly network: NetworkTraits;
  readonly onCrash: NodeWorld['onCrash'];
  readonly onPoint: NodeWorld['onPoint'];
  readonly onDeath?: NodeWorld['onDeath'];
  /** The cluster has run before: what its scheduler and its first store had on their disks. */
  readonly former?: FormerCluster;
}

/** Folders that another build has left behind. */
export interface FormerCluster {
  readonly scheduler: StoredFolder;
  readonly store: StoredFolder;
}

export interface StoreRegion {
  readonly node: StoreNode;
  readonly status: RegionStatus;
}

/** A scheduler, stores, gateways and clients, each on a machine of its own. */
export class Cluster {
  readonly world: World;
  readonly network: Network;
  readonly shape: ClusterShape;
  readonly scheduler: SchedulerNode;
  readonly stores: StoreNode[] = [];
  readonly gateways: GatewayNode[] = [];
  readonly clients: ClientNode[] = [];
  /** Clients that are killed now and then: whatever they were at, its outcome concerns nobody. */
  readonly mortals: ClientNode[] = [];
  readonly #surroundings: NodeWorld;
  readonly #former: FormerCluster | undefined;
  #onStore: (node: StoreNode) => void = () => undefined;

  constructor(options: ClusterOptions) {
    const { world, shape, onCrash, onPoint, onDeath, former } = options;
    this.#former = former;
    this.world = world;
    this.shape = shape;
    this.network = new Network(world, options.network);
    this.#surroundings = { world, network: this.network, onCrash, onPoint, onDeath };
    this.scheduler = new SchedulerNode(
      'scheduler',
      this.#machine('scheduler'),
      this.#surroundings,
      shape,
    );
    const { address } = this.scheduler;
    for (let i = 1; i <= shape.stores; i++) this.addStore();
    for (let i = 1; i <= shape.gateways; i++) {
      const name = `gateway-${i}`;
      const machine = this.#machine(name);
      this.gateways.push(new GatewayNode(name, machine, this.#surroundings, address, shape));
    }
    for (let i = 1; i <= shape.clients; i++) {
      const name = `client-${i}`;
      this.clients.push(new ClientNode(name, this.#machine(name), this.#surroundings, address));
    }
    for (let i = 1; i <= (shape.mortals ?? 0); i++) {
      const name = `mortal-${i}`;
      this.mortals.push(new ClientNode(name, this.#machine(name), this.#surroundings, address));
    }
  }

  /** Stores that are to hold data when all is healed. */
  get soundStores(): readonly StoreNode[] {
    return this.stores.filter((node) => !node.retired && !node.drained);
  }

  get nodes(): readonly Node[] {
    return [this.scheduler, ...this.stores, ...this.gateways, ...this.clients, ...this.mortals];
  }

  addStore(): StoreNode {
    const name = `store-${this.stores.length + 1}`;
    const store = new StoreNode(
      name,
      this.#machine(name, this.shape.engine),
      this.#surroundings,
      this.scheduler.address,
      this.shape,
    );
    this.stores.push(store);
    this.#onStore(store);
    return store;
  }

  /** A store at an address of its own, on a copy of another one's folder. */
  async addCopy(original: StoreNode): Promise<StoreNode> {
    const copy = this.addStore();
    await copy.machine.copyStore(original.machine);
    copy.copied = true;
    original.copied = true;
    return copy;
  }

  /** Calls `fn` with every store that is here, and with every one that is added. */
  eachStore(fn: (node: StoreNode) => void): void {
    for (const node of this.stores) fn(node);
    this.#onStore = fn;
  }

  async startAll(): Promise<void> {
    if (this.#former !== undefined) await this.#restore(this.#former);
    for (const node of this.nodes) await node.start();
  }

  /** Every peer of every running store. */
  peers(): StoreRegion[] {
    return this.stores.flatMap((node) =>
      (node.store?.regions() ?? []).map((status) => ({ node, status })),
    );
  }

  async #restore({ scheduler, store }: FormerCluster): Promise<void> {
    const installer = (): SimProcess => new SimProcess(this.world, 'installer');
    await this.scheduler.machine.restore(scheduler, installer());
    await this.stores[0]!.machine.restore(store, installer());
  }

  #machine(host: string, engine?: EngineKind): Machine {
    const rng = this.world.rng.fork(`machine ${host}`);
    return new Machine(host, rng, this.shape.diskDelayMs, engine);
  }
}
