import {
  assert,
  EMPTY_BYTES,
  equalBytes,
  KvError,
  type LogIndex,
  limits,
  type WriteBatch,
} from '@tinykv/base';
import {
  type Entry,
  encodedEntryBytes,
  type GroupUpdate,
  type RaftLog,
  type RecoveredGroup,
} from '@tinykv/raft';
import { LevelEngine, type LevelEngineOptions } from '../level-engine.js';
import { changeGroup, checkReadable, equalStates, type GroupLog } from './group-log.js';
import { dataLoss, encodeState, entryKey, openEntry, sealEntry, stateKey } from './records.js';
import { Recovery } from './recovery.js';

/** Records read in one step. */
const PAGE_RECORDS = 1_024;

/**
 * A {@link RaftLog} on a LevelDB of its own: an append is one batch and one fdatasync. Since each append
 * is durable before the next may begin, a crash leaves a prefix of them, although LevelDB alone would not
 * promise it. Entries that `truncate` gives up are deleted little by little by later appends; all that
 * must not come back is deleted at once.
 */
export class LevelRaftLog implements RaftLog {
  readonly #path: string;
  readonly #options: LevelEngineOptions;
  #engine: LevelEngine | undefined;
  /** As durable; the entries of a running append are not in it. */
  #groups = new Map<number, GroupLog>();
  /** The same with the running append; empty when there is none. Undefined stands for destroyed. */
  #pending = new Map<number, GroupLog | undefined>();
  /** Of groups with entries that are truncated and not yet deleted: the first of them. */
  #floors = new Map<number, LogIndex>();
  #appending = false;
  #syncs = 0;

  constructor(path: string, options: LevelEngineOptions = {}) {
    this.#path = path;
    this.#options = options;
  }

  get syncs(): number {
    return this.#syncs;
  }

  async open(): Promise<readonly RecoveredGroup[]> {
    assert(this.#engine === undefined, 'the raft log is open');
    const engine = await LevelEngine.open(this.#path, {
      ...this.#options,
      everyBatchSynced: true,
    });
    try {
      const recovery = await recover(engine);
      this.#groups = recovery.groups;
      this.#floors = recovery.floors;
    } catch (error) {
      await engine.close();
      throw error;
    }
    this.#engine = engine;
    return [...this.#groups.values()];
  }

  async append(updates: readonly GroupUpdate[]): Promise<void> {
    const engine = this.#opened();
    assert(!this.#appending, 'an append is running');
    this.#appending = true;
    try {
      const batch = engine.batch();
      this.#deleteGarbage(batch);
      for (const update of updates) this.#stage(update, batch);
      await writeOrFail(engine, batch);
      this.#syncs++;
      for (const [group, log] of this.#pending) {
        if (log === undefined) this.#groups.delete(group);
        else this.#groups.set(group, log);
      }
    } finally {
      this.#pending.clear();
      this.#appending = false;
    }
  }

  async read(group: number, low: LogIndex, high: LogIndex, maxBytes: number): Promise<Entry[]> {
    checkReadable(group, this.#groups.get(group), low, high);
    const iterator = this.#opened().iterator({
      start: entryKey(group, low),
      end: entryKey(group, high),
    });
    const entries: Entry[] = [];
    let bytes = 0;
    try {
      while (low + entries.length < high) {
        const page = await iterator.next(PAGE_RECORDS);
        if (page.length === 0) throw this.#missing(group, low + entries.length, low, high);
        for (const [key, value] of page) {
          const index = low + entries.length;
          if (!equalBytes(key, entryKey(group, index))) {
            throw this.#missing(group, index, low, high);
          }
          const entry = openEntry(group, index, key, value);
          bytes += encodedEntryBytes(entry);
          if (entries.length > 0 && bytes > maxBytes) return entries;
          entries.push(entry);
        }
      }
      return entries;
    } finally {
      await iterator.close();
    }
  }

  async close(): Promise<void> {
    await this.#engine?.close();
    this.#engine = undefined;
  }

  #opened(): LevelEngine {
    assert(this.#engine !== undefined, 'the raft log is not open');
    return this.#engine;
  }

  #stage(update: GroupUpdate, batch: WriteBatch): void {
    const { group } = update;
    const before = this.#pending.has(group) ? this.#pending.get(group) : this.#groups.get(group);
    const { after, removed } = changeGroup(before, update);
    if (update.destroy === true || update.reset !== undefined) {
      // What lies before the truncated point must go as well: the log may begin anew below it.
      this.#deleteBefore(batch, group, (before?.truncated.index ?? 0) + 1, Infinity);
    }
    for (const { low, high } of removed) {
      for (let index = low; index < high; index++) batch.delete(entryKey(group, index));
    }
    for (const entry of update.entries ?? []) batch.put(...sealEntry(group, entry));
    if (after === undefined) batch.delete(stateKey(group));
    else if (before === undefined || !equalStates(before, after)) batch.put(...encodeState(after));
    if (update.truncate !== undefined && !this.#floors.has(group)) {
      const from = update.reset ?? before?.truncated;
      this.#floors.set(group, (from?.index ?? 0) + 1);
    }
    this.#pending.set(group, after);
  }

  /**
   * Deletes a bounded number of truncated entries. Runs before the updates of an append, so that entries
   * go at the earliest with the append after the one that truncated them: a read that was allowed by
   * `#groups` finds them.
   */
  #deleteGarbage(batch: WriteBatch): void {
    let budget: number = limits.rangeStepKeys;
    for (const group of [...this.#floors.keys()]) {
      if (budget <= 0) return;
      const log = this.#groups.get(group);
      assert(log !== undefined, () => `group ${group} has garbage but no state`);
      budget -= this.#deleteBefore(batch, group, log.truncated.index + 1, budget);
    }
  }

  /** Deletes up to `max` entries of a group from its floor to `end`, exclusive; returns how many. */
  #deleteBefore(batch: WriteBatch, group: number, end: LogIndex, max: number): number {
    const floor = this.#floors.get(group);
    if (floor === undefined) return 0;
    let index = floor;
    for (; index < end && index - floor < max; index++) batch.delete(entryKey(group, index));
    if (index < end) this.#floors.set(group, index);
    else this.#floors.delete(group);
    return index - floor;
  }

  /** The error for an entry that a read did not find: taken away by a running append, or lost. */
  #missing(group: number, index: LogIndex, low: LogIndex, high: LogIndex): KvError {
    const log = this.#pending.has(group) ? this.#pending.get(group) : this.#groups.get(group);
    checkReadable(group, log, low, high);
    return dataLoss(`entry ${index} of group ${group}`, new Error('missing'));
  }
}

/** LevelDB goes on behind a record that a full disk has cut short, and a restart would find nothing behind it. */
async function writeOrFail(engine: LevelEngine, batch: WriteBatch): Promise<void> {
  try {
    await engine.write(batch, { sync: true });
  } catch (error) {
    const isFull = error instanceof KvError && error.code === 'RESOURCE_EXHAUSTED';
    throw isFull ? new KvError('INTERNAL', error.message, { cause: error }) : error;
  }
}

async function recover(engine: LevelEngine): Promise<Recovery> {
  const recovery = new Recovery();
  const iterator = engine.iterator({ start: EMPTY_BYTES, end: EMPTY_BYTES });
  try {
    for (;;) {
      const page = await iterator.next(PAGE_RECORDS);
      if (page.length === 0) break;
      for (const [key, value] of page) recovery.add(key, value);
    }
  } finally {
    await iterator.close();
  }
  recovery.finish();
  return recovery;
}
