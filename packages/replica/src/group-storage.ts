import { assert, type LogIndex, limits, MemoryBudget, type Term } from '@tinykv/base';
import {
  type ConfState,
  type EntriesUnavailable,
  type Entry,
  encodedEntryBytes,
  type HardState,
  type LogPosition,
  type RaftStorage,
  type RecoveredGroup,
  type Snapshot,
  type TermRun,
} from '@tinykv/raft';
import { EntryCache, sumHeldBytes, takeEntries } from './entry-cache.js';
import { LogSizes } from './log-sizes.js';

/** What a group starts from. */
export interface GroupState {
  readonly hardState: HardState;
  readonly truncated: LogPosition;
  readonly lastIndex: LogIndex;
  readonly durableApplied: LogIndex;
  readonly termRuns: readonly TermRun[];
}

export function emptyGroupState(hardState: HardState, position: LogPosition): GroupState {
  return {
    hardState,
    truncated: position,
    lastIndex: position.index,
    durableApplied: position.index,
    termRuns: [],
  };
}

/**
 * The stable log of one group as the core sees it: terms of all entries, and the entries that are not
 * yet durably applied or were written lately. Older ones are fetched from disk on demand.
 *
 * Invariant: truncated.index < cache.first ≤ lastIndex + 1, and every entry above `applied` is cached.
 */
export class GroupStorage implements RaftStorage {
  #hardState: HardState;
  #confState: ConfState;
  #truncated: LogPosition;
  #lastIndex: LogIndex;
  #termRuns: TermRun[];
  readonly #budget: MemoryBudget;
  readonly #cache: EntryCache;
  /** Entries that a lagging follower asked for, read back from disk. */
  #fetched: readonly Entry[] = [];
  /** Entries up to here are not to be had from the disk any more; those in the cache are. */
  #unreadable: LogIndex = 0;
  /** They have been of use since the last {@link trim}. */
  #fetchedUsed = false;
  /** Held by entries on their way to the disk. */
  #writingBytes = 0;
  /** Of the entries that the log keeps, in memory or not. */
  readonly sizes: LogSizes = new LogSizes();
  /** Set when the core asked for entries that are only on disk. */
  wanted: { readonly low: LogIndex; readonly high: LogIndex } | undefined;
  readonly #makeSnapshot: () => Snapshot | undefined;

  constructor(
    state: GroupState,
    confState: ConfState,
    makeSnapshot: () => Snapshot | undefined,
    budget: MemoryBudget = new MemoryBudget(limits.storeMemoryBytesMax),
  ) {
    this.#hardState = state.hardState;
    this.#confState = confState;
    this.#truncated = state.truncated;
    this.#lastIndex = state.lastIndex;
    this.#termRuns = [...state.termRuns];
    this.#budget = budget;
    this.#cache = new EntryCache(budget, state.lastIndex + 1);
    this.#makeSnapshot = makeSnapshot;
  }

  initialState(): { readonly hardState: HardState; readonly confState: ConfState } {
    return { hardState: this.#hardState, confState: this.#confState };
  }

  get truncated(): LogPosition {
    return this.#truncated;
  }

  get hardState(): HardState {
    return this.#hardState;
  }

  firstIndex(): LogIndex {
    return this.#truncated.index + 1;
  }

  lastIndex(): LogIndex {
    return this.#lastIndex;
  }

  term(index: LogIndex): Term | 'compacted' | 'unavailable' {
    if (index < this.#truncated.index) return 'compacted';
    if (index === this.#truncated.index) return this.#truncated.term;
    if (index > this.#lastIndex) return 'unavailable';
    for (let i = this.#termRuns.length - 1; i >= 0; i--) {
      const run = this.#termRuns[i]!;
      if (run.first <= index) return run.term;
    }
    assert(false, `no term for index ${index} of ${this.#truncated.index}..${this.#lastIndex}`);
  }

  entries(low: LogIndex, high: LogIndex, maxBytes: number): readonly Entry[] | EntriesUnavailable {
    if (low <= this.#truncated.index) return 'compacted';
    if (high > this.#lastIndex + 1) return 'unavailable';
    if (low >= this.#cache.first) return this.#cache.take(low, high, maxBytes);
    const first = this.#fetched[0];
    if (first !== undefined && low >= first.index && low < first.index + this.#fetched.length) {
      this.#fetchedUsed = true;
      return takeEntries(this.#fetched, low - first.index, high - low, maxBytes);
    }
    // A follower that needs one of them gets a snapshot, as if the log had forgotten it.
    if (low <= this.#unreadable) return 'compacted';
    this.wanted = { low, high: Math.min(high, this.#cache.first) };
    return 'loading';
  }

  snapshot(): Snapshot | undefined {
    return this.#makeSnapshot();
  }

  /** The disk no longer gives the entries up to and with `index`. They are applied: all others are cached. */
  loseThrough(index: LogIndex): void {
    this.#unreadable = Math.max(this.#unreadable, Math.min(index, this.#cache.first - 1));
    this.#setFetched(this.#fetched.filter((entry) => entry.index > this.#unreadable));
  }

  /** What the log may as well forget, once it is durably applied. */
  get unreadable(): LogIndex {
    return this.#unreadable;
  }

  /** Entries that `wanted` asked for have come. A tail that was replaced meanwhile is left out. */
  addFetched(entries: readonly Entry[]): void {
    this.#setFetched(entries.filter((entry) => this.term(entry.index) === entry.term));
    this.#fetchedUsed = true;
  }

  #setFetched(entries: readonly Entry[]): void {
    this.#budget.release(sumHeldBytes(this.#fetched));
    this.#budget.reserve(sumHeldBytes(entries));
    this.#fetched = entries;
  }

  /** Fills the cache with what recovery read back: the entries that end the log. */
  preload(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    assert(
      first.index + entries.length - 1 === this.#lastIndex,
      'preload must reach the last index',
    );
    this.#cache.reset(first.index);
    for (const entry of entries) this.#add(entry);
  }

  #add(entry: Entry): void {
    this.#cache.push(entry);
    this.sizes.append(entry.index, encodedEntryBytes(entry));
  }

  setHardState(hardState: HardState): void {
    this.#hardState = hardState;
  }

  setConfState(confState: ConfState): void {
    this.#confState = confState;
  }

  /** These entries are on their way to the disk: {@link append} follows. */
  writing(entries: readonly Entry[]): void {
    const bytes = sumHeldBytes(entries);
    this.#writingBytes += bytes;
    this.#budget.reserve(bytes);
  }

  /** These entries are durable now; they replace what stood at and after their first index. */
  append(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    assert(
      first.index > this.#truncated.index && first.index <= this.#lastIndex + 1,
      () => `append at ${first.index} to a log of ${this.#truncated.index}..${this.#lastIndex}`,
    );
    this.#dropTail(first.index);
    this.#written(sumHeldBytes(entries));
    for (const entry of entries) {
      const run = this.#termRuns.at(-1);
      if (run === undefined || run.term !== entry.term) {
        this.#termRuns.push({ first: entry.index, term: entry.term });
      }
      this.#add(entry);
    }
    this.#lastIndex = first.index + entries.length - 1;
  }

  /** Entries that a start makes itself were never on their way. */
  #written(bytes: number): void {
    const counted = Math.min(bytes, this.#writingBytes);
    this.#writingBytes -= counted;
    this.#budget.release(counted);
  }

  #dropTail(from: LogIndex): void {
    if (from > this.#lastIndex) return;
    while (this.#termRuns.length > 0 && this.#termRuns.at(-1)!.first >= from) this.#termRuns.pop();
    // They are not applied, so that all of them are cached.
    let bytes = 0;
    for (const entry of this.#cache.cut(from)) bytes += encodedEntryBytes(entry);
    this.sizes.cut(from, bytes);
    this.#setFetched([]);
    this.#unreadable = Math.min(this.#unreadable, from - 1);
    this.#lastIndex = from - 1;
  }

  /** The log begins anew after this point. */
  reset(position: LogPosition, confState: ConfState): void {
    this.#truncated = position;
    this.#lastIndex = position.index;
    this.#termRuns = [];
    this.#cache.reset(position.index + 1);
    this.sizes.clear();
    this.#setFetched([]);
    this.#unreadable = 0;
    this.#confState = confState;
  }

  /** Forgets entries up to and with `index`, which is durably applied. */
  truncate(index: LogIndex): LogPosition {
    const term = this.term(index);
    assert(typeof term === 'number', () => `truncate at ${index}: ${term}`);
    this.#truncated = { index, term };
    while (this.#termRuns.length > 1 && this.#termRuns[1]!.first <= index + 1)
      this.#termRuns.shift();
    this.#cache.dropTo(index + 1);
    this.sizes.dropThrough(index);
    if ((this.#fetched[0]?.index ?? index + 1) <= index) {
      this.#setFetched(this.#fetched.filter((entry) => entry.index > index));
    }
    return this.#truncated;
  }

  /** Keeps the cache within its bound; entries above `applied` always stay. */
  evict(applied: LogIndex): void {
    if (this.#budget.isTight) this.#cache.dropTo(Math.min(applied, this.#lastIndex) + 1);
    else if (this.#cache.bytes > limits.entryCacheBytesMax) {
      this.#cache.shrink(limits.entryCacheBytesMax / 2, applied);
    }
  }

  /** Whether entries up to `applied` are in memory. */
  caches(applied: LogIndex): boolean {
    return this.#cache.first <= applied;
  }

  /** From time to time: drops applied entries that nobody asks for, up to and with `index`. */
  trim(index: LogIndex): void {
    this.#cache.dropTo(index + 1);
    if (!this.#fetchedUsed && this.#fetched.length > 0) this.#setFetched([]);
    this.#fetchedUsed = false;
  }

  /** The group is gone, and with it what it held. */
  release(): void {
    this.#cache.reset(this.#lastIndex + 1);
    this.#setFetched([]);
    this.#written(this.#writingBytes);
  }
}

/** What a recovered group starts from; a state machine may know itself durable further than the log says. */
export function recoveredState(group: RecoveredGroup, durableApplied: LogIndex): GroupState {
  const applied = Math.max(group.durableApplied, durableApplied);
  const commit = Math.max(group.hardState.commit, applied);
  assert(
    commit <= group.lastIndex,
    () => `group ${group.group}: committed ${commit} > last index ${group.lastIndex}`,
  );
  return {
    hardState: { ...group.hardState, commit },
    truncated: group.truncated,
    lastIndex: group.lastIndex,
    durableApplied: applied,
    termRuns: group.termRuns,
  };
}
