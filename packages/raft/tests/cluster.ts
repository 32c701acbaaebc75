import { assert, type Prng, utf8 } from '@tinykv/base';
import {
  decodeConfChange,
  type Entry,
  isEmptyHardState,
  isLocalTarget,
  MemoryStorage,
  type Message,
  type RaftConfig,
  RawNode,
} from '../src/index.js';
import { type ConfigOverrides, confStateOf, testConfig } from './config.js';
import { Invariants } from './invariants.js';

/** A node with asynchronous storage: what is written survives a crash, what waits to be written does not. */
export class ClusterNode {
  readonly id: number;
  readonly storage: MemoryStorage = new MemoryStorage();
  raw: RawNode;
  appendWork: Message[] = [];
  applyWork: Message[] = [];
  /** What the state machine holds; it is durable up to here. */
  appliedIndex: number;
  readonly #makeConfig: () => RaftConfig;

  constructor(
    id: number,
    voters: readonly number[],
    makeConfig: (node: ClusterNode) => RaftConfig,
  ) {
    this.id = id;
    const confState = confStateOf(voters);
    this.storage.applySnapshot({ data: utf8(''), metadata: { confState, index: 1, term: 1 } });
    this.appliedIndex = 1;
    this.#makeConfig = () => makeConfig(this);
    this.raw = new RawNode(this.#makeConfig());
  }

  restart(): void {
    this.appendWork = [];
    this.applyWork = [];
    this.raw = new RawNode(this.#makeConfig());
  }
}

/** Nodes in asynchronous mode over a network that a test or a seed drives. Checks Raft's safety as it goes. */
export class Cluster {
  readonly nodes: ClusterNode[];
  network: Message[] = [];
  /** Messages for which this is false are lost. */
  passes: (m: Message) => boolean = () => true;
  readonly #invariants = new Invariants();
  readonly reads: { id: number; index: number; context: Uint8Array }[] = [];

  /** Nodes 1 to `count`; those that are no voters wait to be added. */
  constructor(
    count: number,
    rng: Prng,
    overrides: ConfigOverrides = {},
    voters: readonly number[] = idsUpTo(count),
  ) {
    this.nodes = idsUpTo(count).map(
      (id) =>
        new ClusterNode(id, voters, ({ storage, appliedIndex }) =>
          testConfig({ id, storage, applied: appliedIndex }, rng.fork(`node ${id}`), overrides),
        ),
    );
  }

  /** The entry that some node applied at each index: all others must apply the same. */
  get applied(): ReadonlyMap<number, Entry> {
    return this.#invariants.applied;
  }

  node(id: number): ClusterNode {
    const node = this.nodes[id - 1];
    assert(node !== undefined, () => `no node ${id}`);
    return node;
  }

  raw(id: number): RawNode {
    return this.node(id).raw;
  }

  get leader(): ClusterNode | undefined {
    const leaders = this.nodes.filter((node) => node.raw.state === 'StateLeader');
    return leaders.sort((a, b) => b.raw.term - a.raw.term)[0];
  }

  handleReady(node: ClusterNode): void {
    if (!node.raw.hasReady()) return;
    const ready = node.raw.ready();
    for (const { index, requestContext } of ready.readStates) {
      this.reads.push({ id: node.id, index, context: requestContext });
    }
    for (const m of ready.messages) {
      if (m.type === 'MsgStorageAppend') node.appendWork.push(m);
      else if (m.type === 'MsgStorageApply') node.applyWork.push(m);
      else this.#send(m);
    }
    if (node.raw.state === 'StateLeader') this.#invariants.leads(node);
  }

  writeOne(node: ClusterNode): void {
    const work = node.appendWork.shift();
    if (work === undefined) return;
    const hardState = { term: work.term, vote: work.vote, commit: work.commit };
    if (!isEmptyHardState(hardState)) node.storage.setHardState(hardState);
    if (work.snapshot !== undefined) {
      node.storage.applySnapshot(work.snapshot);
      node.appliedIndex = Math.max(node.appliedIndex, work.snapshot.metadata.index);
    }
    if (work.entries.length > 0) {
      node.storage.append(work.entries);
      this.#invariants.wrote(node, work.entries);
    }
    this.#respond(node, work);
  }

  applyOne(node: ClusterNode): void {
    const work = node.applyWork.shift();
    if (work === undefined) return;
    for (const entry of work.entries) this.#apply(node, entry);
    this.#respond(node, work);
  }

  #apply(node: ClusterNode, entry: Entry): void {
    const { index } = entry;
    // A snapshot may have overtaken entries that were handed out before it came.
    if (index <= node.appliedIndex) return;
    this.#invariants.applies(node, entry);
    node.appliedIndex = index;
    let confState: ReturnType<RawNode['applyConfChange']> | undefined;
    if (entry.type !== 'EntryNormal') {
      confState = node.raw.applyConfChange(decodeConfChange(entry.data));
    }
    // The configuration must survive a restart, so the storage keeps the snapshot fresh.
    node.storage.createSnapshot(index, confState, utf8(`state at ${index}`));
  }

  #respond(node: ClusterNode, work: Message): void {
    for (const response of work.responses) {
      if (response.to === node.id) this.#step(node, response);
      else this.#send(response);
    }
  }

  #send(m: Message): void {
    assert(!isLocalTarget(m.to), `${m.type} to a local thread`);
    if (this.passes(m)) this.network.push(m);
  }

  deliver(m: Message): void {
    this.#step(this.node(m.to), m);
  }

  /** Messages to oneself, too, may meet a configuration that one is no longer in. */
  #step(node: ClusterNode, m: Message): void {
    const result = node.raw.step(m);
    assert(result.ok || result.error.code === 'step-peer-not-found', `${m.type} was refused`);
  }

  /** Runs everything until nothing is left. */
  settle(): void {
    for (let round = 0; ; round++) {
      assert(round < 10_000, 'the cluster does not settle');
      let busy = false;
      for (const node of this.nodes) {
        busy ||= node.raw.hasReady() || node.appendWork.length + node.applyWork.length > 0;
        this.handleReady(node);
        while (node.appendWork.length > 0) this.writeOne(node);
        while (node.applyWork.length > 0) this.applyOne(node);
      }
      const waiting = this.network;
      this.network = [];
      for (const m of waiting) if (this.passes(m)) this.deliver(m);
      if (!busy && waiting.length === 0) return;
    }
  }

  /** Makes `id` the leader and settles. */
  elect(id: number): void {
    const result = this.raw(id).campaign();
    assert(result.ok, 'refused to campaign');
    this.settle();
    assert(this.raw(id).state === 'StateLeader', `${id} did not win`);
  }

  tick(id: number, times = 1): void {
    for (let i = 0; i < times; i++) this.raw(id).tick();
  }

  /** Only messages between nodes of one and the same of these sides pass. */
  partition(...sides: readonly (readonly number[])[]): void {
    this.passes = (m) =>
      m.from === m.to || sides.some((side) => side.includes(m.from) && side.includes(m.to));
  }

  heal(): void {
    this.passes = () => true;
  }
}

function idsUpTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + 1);
}
