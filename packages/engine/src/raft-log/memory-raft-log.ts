import { assert, KvError, type LogIndex } from '@tinykv/base';
import {
  decodeEntry,
  type Entry,
  encodeEntry,
  type GroupUpdate,
  type RaftLog,
  type RecoveredGroup,
} from '@tinykv/raft';
import { changeGroup, checkReadable, type GroupLog } from './group-log.js';

/** What outlives a crash of one group. */
interface StoredGroup {
  log: GroupLog;
  /** Encoded; the first is that after the truncated point. */
  entries: Uint8Array[];
}

/**
 * A {@link RaftLog} for tests and for stores that keep nothing; its "disk" is the object itself: `crash` or `close`, then `open` again.
 * An append takes effect when it resolves, not before.
 */
export class MemoryRaftLog implements RaftLog {
  readonly #groups = new Map<number, StoredGroup>();
  readonly #durable: () => Promise<void>;
  #open = false;
  #appending = false;
  /** What the append that has not resolved is to write. */
  #inFlight: readonly GroupUpdate[] = [];
  /** Tells the appends of one life from those that a crash has cut off. */
  #life = 0;
  #syncs = 0;

  /** `durable` stands for the time that the disk takes for an append. */
  constructor(durable: () => Promise<void> = async () => {}) {
    this.#durable = durable;
  }

  get syncs(): number {
    return this.#syncs;
  }

  async open(): Promise<readonly RecoveredGroup[]> {
    assert(!this.#open, 'the raft log is open');
    this.#open = true;
    this.#syncs = 0;
    return this.groups();
  }

  async append(updates: readonly GroupUpdate[]): Promise<void> {
    assert(this.#open, 'the raft log is not open');
    assert(!this.#appending, 'an append is running');
    this.#appending = true;
    const life = this.#life;
    try {
      this.#check(updates);
      this.#inFlight = updates;
      await this.#durable();
    } finally {
      if (life === this.#life) {
        this.#appending = false;
        this.#inFlight = [];
      }
    }
    if (life !== this.#life) {
      throw new KvError('CANCELLED', 'crashed before the append was durable');
    }
    this.#syncs++;
    for (const update of updates) this.#apply(update);
  }

  async read(group: number, low: LogIndex, high: LogIndex, maxBytes: number): Promise<Entry[]> {
    assert(this.#open, 'the raft log is not open');
    const stored = this.#groups.get(group);
    checkReadable(group, stored?.log, low, high);
    const first = stored!.log.truncated.index + 1;
    const out: Entry[] = [];
    let bytes = 0;
    for (const encoded of stored!.entries.slice(low - first, high - first)) {
      bytes += encoded.length;
      if (out.length > 0 && bytes > maxBytes) break;
      out.push(decodeEntry(encoded));
    }
    return out;
  }

  async close(): Promise<void> {
    assert(!this.#appending, 'an append is running');
    this.#open = false;
  }

  /** What the log holds of each group. */
  groups(): readonly RecoveredGroup[] {
    return [...this.#groups.values()].map(({ log }) => log);
  }

  /**
   * Ends the append that has not resolved, which rejects with CANCELLED: its bytes are on the disk or not.
   * Returns the updates that are.
   */
  crash(inFlight: 'lost' | 'kept' = 'lost'): readonly GroupUpdate[] {
    const kept = inFlight === 'kept' ? this.#inFlight : [];
    for (const update of kept) this.#apply(update);
    this.#inFlight = [];
    this.#life++;
    this.#open = false;
    this.#appending = false;
    return kept;
  }

  /** Fails as the append would, and fixes the bytes of its entries as they are now. */
  #check(updates: readonly GroupUpdate[]): void {
    const logs = new Map<number, GroupLog | undefined>();
    for (const update of updates) {
      const { group } = update;
      const before = logs.has(group) ? logs.get(group) : this.#groups.get(group)?.log;
      logs.set(group, changeGroup(before, update).after);
      for (const entry of update.entries ?? []) encodeEntry(entry);
    }
  }

  #apply(update: GroupUpdate): void {
    const stored = this.#groups.get(update.group);
    const { after } = changeGroup(stored?.log, update);
    if (after === undefined) {
      this.#groups.delete(update.group);
      return;
    }
    let first = (stored?.log.truncated.index ?? 0) + 1;
    let entries = stored?.entries ?? [];
    if (update.reset !== undefined) {
      first = update.reset.index + 1;
      entries = [];
    }
    for (const entry of update.entries ?? []) {
      entries.length = entry.index - first;
      entries.push(encodeEntry(entry));
    }
    entries.splice(0, after.truncated.index + 1 - first);
    this.#groups.set(update.group, { log: after, entries });
  }
}
