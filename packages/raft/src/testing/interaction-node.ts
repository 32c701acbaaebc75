import { assert, concatBytes, type LogIndex, type PeerId } from '@tinykv/base';
import { decodeConfChange } from '../codec.js';
import type { RaftConfig } from '../config.js';
import { MemoryStorage } from '../memory-storage.js';
import { isEmptyHardState } from '../message.js';
import { RawNode } from '../raw-node.js';
import type { EntriesUnavailable, RaftStorage } from '../storage.js';
import type { ConfState, Entry, HardState, Message, Snapshot } from '../types.js';

/** A storage whose snapshot is the newest state of the node's state machine. */
class NodeStorage implements RaftStorage {
  readonly memory = new MemoryStorage();
  readonly history: Snapshot[];

  constructor(history: Snapshot[]) {
    this.history = history;
  }

  initialState(): { readonly hardState: HardState; readonly confState: ConfState } {
    return this.memory.initialState();
  }

  entries(low: LogIndex, high: LogIndex, maxBytes: number): readonly Entry[] | EntriesUnavailable {
    return this.memory.entries(low, high, maxBytes);
  }

  term(index: LogIndex): number | 'compacted' | 'unavailable' {
    return this.memory.term(index);
  }

  firstIndex(): LogIndex {
    return this.memory.firstIndex();
  }

  lastIndex(): LogIndex {
    return this.memory.lastIndex();
  }

  snapshot(): Snapshot | undefined {
    return this.history.at(-1);
  }
}

/** One node of a trace: core, storage and a state machine that appends each entry's data to its state. */
export class InteractionNode {
  readonly id: PeerId;
  readonly config: RaftConfig;
  readonly raw: RawNode;
  /** Storage work of asynchronous mode that waits to be processed. */
  readonly appendWork: Message[] = [];
  readonly applyWork: Message[] = [];
  readonly #storage: NodeStorage;

  constructor(config: Omit<RaftConfig, 'storage'>, initial: Snapshot) {
    this.#storage = new NodeStorage([initial]);
    if (initial.metadata.index > 0) this.#storage.memory.applySnapshot(initial);
    this.id = config.id;
    this.config = { ...config, storage: this.#storage };
    this.raw = new RawNode(this.config);
  }

  get storage(): MemoryStorage {
    return this.#storage.memory;
  }

  get newestSnapshot(): Snapshot {
    const newest = this.#storage.history.at(-1);
    assert(newest !== undefined, 'a node without a state');
    return newest;
  }

  persist(
    hardState: HardState | undefined,
    entries: readonly Entry[],
    snapshot: Snapshot | undefined,
  ): void {
    const storage = this.#storage.memory;
    if (hardState !== undefined && !isEmptyHardState(hardState)) storage.setHardState(hardState);
    if (snapshot !== undefined) {
      assert(entries.length === 0, "can't apply snapshot and entries at the same time");
      storage.applySnapshot(snapshot);
    } else if (entries.length > 0) {
      storage.append(entries);
    }
  }

  apply(entries: readonly Entry[]): void {
    for (const entry of entries) {
      const before = this.newestSnapshot;
      let update = entry.data;
      let confState = before.metadata.confState;
      if (entry.type !== 'EntryNormal') {
        const change = decodeConfChange(entry.data);
        update = change.context;
        confState = this.raw.applyConfChange(change);
      }
      this.#storage.history.push({
        data: concatBytes(before.data, update),
        metadata: { confState, index: entry.index, term: entry.term },
      });
    }
  }
}
