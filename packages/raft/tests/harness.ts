import { assert, fromUtf8, Prng, type Result, utf8 } from '@tinykv/base';
import {
  type ConfState,
  decodeConfChange,
  describeMessage,
  type Entry,
  type HardState,
  MemoryStorage,
  type Message,
  type MessageType,
  makeMessage,
  type RaftError,
  RawNode,
  type Ready,
} from '../src/index.js';
import { type ConfigOverrides, change, confStateOf, testConfig } from './config.js';

export interface NodeOptions {
  readonly id?: number;
  readonly voters?: readonly number[];
  /** The terms of the entries that the log starts with, at index 1, 2, … */
  readonly terms?: readonly number[];
  readonly hardState?: Partial<HardState>;
  /** Instead of the three above: what is on the disk. */
  readonly storage?: MemoryStorage;
  readonly config?: ConfigOverrides;
}

/** A storage whose first configuration was given to it, so that the log begins at index 1. */
export class SeededStorage extends MemoryStorage {
  readonly #confState: ConfState;

  constructor(voters: readonly number[]) {
    super();
    this.#confState = confStateOf(voters);
  }

  override initialState(): ReturnType<MemoryStorage['initialState']> {
    const state = super.initialState();
    return this.snapshot() === undefined ? { ...state, confState: this.#confState } : state;
  }
}

export function entriesOf(terms: readonly number[], first = 1): Entry[] {
  return terms.map((term, i) => ({ term, index: first + i, type: 'EntryNormal', data: utf8('') }));
}

export function entry(term: number, index: number, text = ''): Entry {
  return { term, index, type: 'EntryNormal', data: utf8(text) };
}

/** `TERM/INDEX DATA`, or the type of what is no plain entry. */
export function describeLog(entries: readonly Entry[]): string[] {
  return entries.map(({ term, index, type, data }) => {
    const text = type === 'EntryNormal' ? fromUtf8(data) : type;
    return `${term}/${index}${text === '' ? '' : ` ${text}`}`;
  });
}

/**
 * One node in synchronous mode: whatever it asks for is done before the test goes on, so that its own
 * votes and acknowledgements count at once. What it sends waits in `outbox`.
 */
export class SyncNode {
  readonly id: number;
  readonly storage: MemoryStorage;
  readonly raw: RawNode;
  /** What the state machine got since the start, in order. */
  readonly applied: Entry[] = [];
  outbox: Message[] = [];

  constructor(options: NodeOptions = {}) {
    const { id = 1, voters = [1, 2, 3], terms = [], hardState, config = {} } = options;
    this.id = id;
    const storage = options.storage ?? new SeededStorage(voters);
    this.storage = storage;
    this.storage.append(entriesOf(terms));
    if (hardState !== undefined) {
      this.storage.setHardState({ term: terms.at(-1) ?? 0, vote: 0, commit: 0, ...hardState });
    }
    const applied = this.storage.firstIndex() - 1;
    const rng = new Prng(`node ${id}`);
    const overrides = { asyncStorageWrites: false, ...config };
    this.raw = new RawNode(testConfig({ id, storage, applied }, rng, overrides));
  }

  get log(): string[] {
    const { storage } = this;
    const found = storage.entries(storage.firstIndex(), storage.lastIndex() + 1, Infinity);
    assert(typeof found !== 'string', 'the whole log is in the storage');
    return describeLog(found);
  }

  get voters(): readonly number[] {
    return this.raw.status().confState.voters;
  }

  /** Does what one Ready asks for, in the order that it asks for. */
  handleReady(): Ready {
    const ready = this.raw.ready();
    if (ready.hardState !== undefined) this.storage.setHardState(ready.hardState);
    if (ready.snapshot !== undefined) this.storage.applySnapshot(ready.snapshot);
    this.storage.append(ready.entries);
    this.outbox.push(...ready.messages);
    for (const committed of ready.committedEntries) {
      this.applied.push(committed);
      if (committed.type === 'EntryNormal') continue;
      this.raw.applyConfChange(decodeConfChange(committed.data));
    }
    this.raw.advance();
    return ready;
  }

  work(): void {
    while (this.raw.hasReady()) this.handleReady();
  }

  /** A message from the network. Answers of strangers are refused, which the sender never learns. */
  step(fields: Partial<Message> & { readonly type: MessageType }): void {
    const result = this.raw.step(makeMessage({ to: this.id, ...fields }));
    assert(result.ok || result.error.code === 'step-peer-not-found', `${fields.type} was refused`);
    this.work();
  }

  campaign(): void {
    assert(this.raw.campaign().ok, 'refused to campaign');
    this.work();
  }

  propose(text: string): Result<number, RaftError> {
    const result = this.raw.propose(utf8(text));
    this.work();
    return result;
  }

  /** Applies the removal of a member, however it came to be committed. */
  removeMember(nodeId: number): void {
    this.raw.applyConfChange(change({ type: 'ConfChangeRemoveNode', nodeId }));
    this.work();
  }

  tick(times = 1): void {
    for (let i = 0; i < times; i++) {
      this.raw.tick();
      this.work();
    }
  }

  /** Takes what was sent since the last call. */
  takeMessages(): Message[] {
    const messages = this.outbox;
    this.outbox = [];
    return messages;
  }

  sent(): string[] {
    return this.takeMessages().map((m) => describeMessage(m));
  }

  /** Follows `lead` in its term. */
  follow(lead: number, term: number): void {
    this.step({ type: 'MsgHeartbeat', from: lead, term });
    this.takeMessages();
  }

  /** Wins an election by the votes of all others; their logs are whatever the test says they are. */
  winElection(): void {
    this.campaign();
    const { term } = this.raw;
    for (const from of this.voters) {
      if (from !== this.id) this.step({ type: 'MsgVoteResp', from, term });
    }
    assert(this.raw.state === 'StateLeader', `${this.id} did not win`);
  }

  /** Answers each MsgApp of the outbox as a follower that takes everything does; drops the rest. */
  acceptAppends(by: readonly number[] = this.voters): void {
    while (this.outbox.length > 0) {
      for (const m of this.takeMessages()) {
        if (m.type !== 'MsgApp' || !by.includes(m.to)) continue;
        const index = m.index + m.entries.length;
        this.step({ type: 'MsgAppResp', from: m.to, term: m.term, index });
      }
    }
  }

  /** Makes a snapshot of what is applied and drops the log up to there. */
  compact(): void {
    const index = this.raw.applied;
    this.storage.createSnapshot(index, this.raw.status().confState, utf8(''));
    this.storage.compact(index);
  }
}

/** Nodes that exchange messages in the order in which they were sent, as far as the filters let them. */
export class Network {
  readonly #nodes = new Map<number, SyncNode>();
  #passes: ((m: Message) => boolean)[] = [];

  /** Ids that are members of the group but have no node here are black holes. */
  constructor(nodes: readonly SyncNode[]) {
    for (const node of nodes) this.#nodes.set(node.id, node);
  }

  /** A group of `size` fresh nodes, without those in `missing`. */
  static of(size: number, missing: readonly number[] = [], config: ConfigOverrides = {}): Network {
    const voters = Array.from({ length: size }, (_, i) => i + 1);
    const present = voters.filter((id) => !missing.includes(id));
    return new Network(present.map((id) => new SyncNode({ id, voters, config })));
  }

  get nodes(): SyncNode[] {
    return [...this.#nodes.values()];
  }

  node(id: number): SyncNode {
    const node = this.#nodes.get(id);
    assert(node !== undefined, () => `no node ${id}`);
    return node;
  }

  raw(id: number): RawNode {
    return this.node(id).raw;
  }

  /** Nothing passes between the two. */
  cut(a: number, b: number): void {
    this.drop(a, b);
    this.drop(b, a);
  }

  /** Nothing passes from the one to the other; the way back stays open. */
  drop(from: number, to: number): void {
    this.#passes.push((m) => m.from !== from || m.to !== to);
  }

  isolate(id: number): void {
    this.#passes.push((m) => m.from !== id && m.to !== id);
  }

  ignore(type: MessageType): void {
    this.#passes.push((m) => m.type !== type);
  }

  /** Only messages for which `passes` holds arrive. */
  filter(passes: (m: Message) => boolean): void {
    this.#passes.push(passes);
  }

  recover(): void {
    this.#passes = [];
  }

  /** Node `id` starts anew on what it has on its disk. */
  restart(id: number, config: ConfigOverrides = {}): void {
    this.#nodes.set(id, new SyncNode({ id, storage: this.node(id).storage, config }));
  }

  /** A tick passes everywhere. */
  tick(times = 1): void {
    for (let i = 0; i < times; i++) {
      for (const node of this.nodes) node.tick();
      this.settle();
    }
  }

  /** The node that leads in the highest term. */
  get leader(): SyncNode | undefined {
    const leaders = this.nodes.filter((node) => node.raw.state === 'StateLeader');
    return leaders.sort((a, b) => b.raw.term - a.raw.term)[0];
  }

  /** Delivers what waits, and what comes of it, until nothing is left. */
  settle(): void {
    const queue = this.nodes.flatMap((node) => node.takeMessages());
    for (let m = queue.shift(); m !== undefined; m = queue.shift()) {
      const target = this.#nodes.get(m.to);
      if (target === undefined || !this.#passes.every((passes) => passes(m!))) continue;
      target.step(m);
      queue.push(...target.takeMessages());
    }
  }

  campaign(id: number): void {
    this.node(id).campaign();
    this.settle();
  }

  propose(id: number, text = 'data'): Result<number, RaftError> {
    const result = this.node(id).propose(text);
    this.settle();
    return result;
  }

  /** One heartbeat interval passes at the leader. */
  beat(id: number): void {
    assert(this.raw(id).state === 'StateLeader', `${id} does not lead`);
    this.node(id).tick();
    this.settle();
  }

  /** Asks node `at` to make `to` the leader. */
  transfer(at: number, to: number): void {
    this.raw(at).transferLeader(to);
    this.node(at).work();
    this.settle();
  }

  deliver(fields: Partial<Message> & { readonly type: MessageType; readonly to: number }): void {
    this.node(fields.to).step(fields);
    this.settle();
  }
}
