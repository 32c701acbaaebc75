import { assert, type LogIndex, type Term } from '@tinykv/base';
import { encodedEntryBytes, limitSize } from './message.js';
import type { EntriesUnavailable, RaftStorage } from './storage.js';
import type { Entry, Snapshot } from './types.js';
import { Unstable } from './unstable.js';

export interface EntryId {
  readonly term: Term;
  readonly index: LogIndex;
}

/** What a MsgApp brings: entries that follow the one at (index, logTerm), and a commit index. */
export interface LogAppend {
  readonly index: LogIndex;
  readonly logTerm: Term;
  readonly entries: readonly Entry[];
  readonly commit: LogIndex;
}

export type TermOrUnavailable = Term | 'compacted' | 'unavailable';

/**
 * The log of one node: what the storage holds, followed by what is not yet durable.
 *
 * Invariant: applied <= applying <= committed <= lastIndex().
 */
export class Log {
  readonly storage: RaftStorage;
  readonly unstable: Unstable;
  /** The highest index known to be on a quorum of the nodes. */
  committed: LogIndex;
  /** The highest index handed to the state machine. */
  applying: LogIndex;
  /** The highest index that the state machine has answered for. */
  applied: LogIndex;

  /** Payload bytes handed to the state machine and not yet answered for: at most this, then it waits. */
  readonly #maxApplyingEntsBytes: number;
  #applyingEntsBytes = 0;
  #applyingEntsPaused = false;
  /** The next committed entries are being fetched: until they are there, there is nothing to hand out. */
  #loading = false;

  constructor(storage: RaftStorage, maxApplyingEntsBytes: number) {
    this.storage = storage;
    this.#maxApplyingEntsBytes = maxApplyingEntsBytes;
    this.unstable = new Unstable(storage.lastIndex() + 1);
    this.committed = storage.firstIndex() - 1;
    this.applying = this.committed;
    this.applied = this.committed;
  }

  describe(): string {
    const { offset, offsetInProgress, entries } = this.unstable;
    return (
      `committed=${this.committed}, applied=${this.applied}, applying=${this.applying}, ` +
      `unstable.offset=${offset}, unstable.offsetInProgress=${offsetInProgress}, ` +
      `len(unstable.Entries)=${entries.length}`
    );
  }

  firstIndex(): LogIndex {
    return this.unstable.maybeFirstIndex() ?? this.storage.firstIndex();
  }

  lastIndex(): LogIndex {
    return this.unstable.maybeLastIndex() ?? this.storage.lastIndex();
  }

  term(index: LogIndex): TermOrUnavailable {
    const term = this.unstable.maybeTerm(index);
    if (term !== undefined) return term;
    // The term of the entry before the first one is known too: appends are checked against it.
    if (index + 1 < this.firstIndex()) return 'compacted';
    if (index > this.lastIndex()) return 'unavailable';
    return this.storage.term(index);
  }

  zeroTermOnOutOfBounds(term: TermOrUnavailable): Term {
    return typeof term === 'number' ? term : 0;
  }

  lastTerm(): Term {
    return this.lastEntryID().term;
  }

  lastEntryID(): EntryId {
    const index = this.lastIndex();
    const term = this.term(index);
    assert(typeof term === 'number', () => `term of the last entry ${index} is ${term}`);
    return { term, index };
  }

  matchTerm(index: LogIndex, term: Term): boolean {
    return this.term(index) === term;
  }

  /** Whether a log that ends with this entry is at least as good as ours (Raft paper §5.4.1). */
  isUpToDate(index: LogIndex, term: Term): boolean {
    const last = this.lastEntryID();
    return term > last.term || (term === last.term && index >= last.index);
  }

  /** Takes a leader's entries over and returns their last index; undefined when they do not fit on. */
  maybeAppend(append: LogAppend): LogIndex | undefined {
    const { index, logTerm, entries, commit } = append;
    if (!this.matchTerm(index, logTerm)) return undefined;
    const lastNewIndex = index + entries.length;
    const conflict = this.findConflict(entries);
    if (conflict !== 0) {
      assert(
        conflict > this.committed,
        () => `entry ${conflict} conflicts with committed ${this.committed}`,
      );
      this.append(entries.slice(conflict - (index + 1)));
    }
    this.commitTo(Math.min(commit, lastNewIndex));
    return lastNewIndex;
  }

  /** Returns the new last index. Entries at or after the first one's index are replaced. */
  append(entries: readonly Entry[]): LogIndex {
    const first = entries[0];
    if (first !== undefined) {
      assert(
        first.index > this.committed,
        () => `append at ${first.index} would replace committed ${this.committed}`,
      );
      this.unstable.truncateAndAppend(entries);
    }
    return this.lastIndex();
  }

  /** The first index at which the entries differ from the log or go beyond it; 0 if there is none. */
  findConflict(entries: readonly Entry[]): LogIndex {
    for (const { index, term } of entries) {
      if (!this.matchTerm(index, term)) return index;
    }
    return 0;
  }

  /**
   * The largest index <= `index` whose term is <= `term`: the best guess of where a log that has
   * `term` at `index` may match this one. The term is 0 where the log does not know it.
   */
  findConflictByTerm(index: LogIndex, term: Term): EntryId {
    for (let at = index; at > 0; at--) {
      const ours = this.term(at);
      if (typeof ours !== 'number') return { index: at, term: 0 };
      if (ours <= term) return { index: at, term: ours };
    }
    return { index: 0, term: 0 };
  }

  nextUnstableEnts(): readonly Entry[] {
    return this.unstable.nextEntries();
  }

  hasNextUnstableEnts(): boolean {
    return this.unstable.hasNextEntries();
  }

  hasNextOrInProgressUnstableEnts(): boolean {
    return this.unstable.entries.length > 0;
  }

  nextUnstableSnapshot(): Snapshot | undefined {
    return this.unstable.nextSnapshot();
  }

  hasNextUnstableSnapshot(): boolean {
    return this.unstable.nextSnapshot() !== undefined;
  }

  hasNextOrInProgressSnapshot(): boolean {
    return this.unstable.snapshot !== undefined;
  }

  /**
   * Committed entries for the state machine. Those that are not durable here are among them only if
   * `allowUnstable`. Empty while the entries are being fetched (see {@link entriesLoaded}).
   */
  nextCommittedEnts(allowUnstable: boolean): readonly Entry[] {
    if (!this.hasNextCommittedEnts(allowUnstable)) return [];
    const maxBytes = this.#maxApplyingEntsBytes - this.#applyingEntsBytes;
    assert(maxBytes > 0, () => `apply is not paused but ${this.#applyingEntsBytes} bytes are out`);
    const high = this.maxAppliableIndex(allowUnstable) + 1;
    const entries = this.slice(this.applying + 1, high, maxBytes);
    if (entries === 'loading') {
      this.#loading = true;
      return [];
    }
    assert(typeof entries !== 'string', () => `entries after ${this.applying} are ${entries}`);
    return entries;
  }

  hasNextCommittedEnts(allowUnstable: boolean): boolean {
    if (this.#applyingEntsPaused || this.#loading) return false;
    // Entries wait until the snapshot that precedes them is installed.
    if (this.hasNextOrInProgressSnapshot()) return false;
    return this.applying < this.maxAppliableIndex(allowUnstable);
  }

  /** The entries that were answered as 'loading' are in memory now. */
  entriesLoaded(): void {
    this.#loading = false;
  }

  maxAppliableIndex(allowUnstable: boolean): LogIndex {
    return allowUnstable ? this.committed : Math.min(this.committed, this.unstable.offset - 1);
  }

  /** The newest snapshot, or undefined while the storage makes one. */
  snapshot(): Snapshot | undefined {
    return this.unstable.snapshot ?? this.storage.snapshot();
  }

  commitTo(index: LogIndex): void {
    if (index <= this.committed) return;
    assert(
      index <= this.lastIndex(),
      () => `commit ${index} is beyond the last index ${this.lastIndex()}: was the log truncated?`,
    );
    this.committed = index;
  }

  /** Commits up to (index, term) if that entry is in the log. True if that moved the commit index. */
  maybeCommit(index: LogIndex, term: Term): boolean {
    // Term 0 is that of an entry that is out of bounds; it must not match.
    if (term === 0 || index <= this.committed || !this.matchTerm(index, term)) return false;
    this.commitTo(index);
    return true;
  }

  /** The state machine has applied up to `index`, entries of so many payload bytes. */
  appliedTo(index: LogIndex, bytes: number): void {
    assert(index <= this.committed, () => `applied ${index} > committed ${this.committed}`);
    assert(index >= this.applied, () => `applied ${index} < applied ${this.applied} before`);
    this.applied = index;
    this.applying = Math.max(this.applying, index);
    this.#applyingEntsBytes = Math.max(0, this.#applyingEntsBytes - bytes);
    this.#applyingEntsPaused = this.#applyingEntsBytes >= this.#maxApplyingEntsBytes;
  }

  /** Entries up to `index` were handed to the state machine. */
  acceptApplying(index: LogIndex, bytes: number, allowUnstable: boolean): void {
    assert(index <= this.committed, () => `applying ${index} > committed ${this.committed}`);
    this.applying = index;
    this.#applyingEntsBytes += bytes;
    // What was held back for its size waits for an answer, even if the bytes would just fit now:
    // else a slow state machine would be fed one entry at a time.
    this.#applyingEntsPaused =
      this.#applyingEntsBytes >= this.#maxApplyingEntsBytes ||
      index < this.maxAppliableIndex(allowUnstable);
  }

  /** Everything unstable was handed to the disk. */
  acceptUnstable(): void {
    this.unstable.acceptInProgress();
  }

  /** The disk has entries up to `index`, the last of which had `term`. */
  stableTo(index: LogIndex, term: Term): void {
    this.unstable.stableTo(index, term);
  }

  stableSnapTo(index: LogIndex): void {
    this.unstable.stableSnapTo(index);
  }

  /** Entries from `index` on, at least one, as far as `maxBytes` of encoded size allow. */
  entries(index: LogIndex, maxBytes: number): readonly Entry[] | EntriesUnavailable {
    const last = this.lastIndex();
    return index > last ? [] : this.slice(index, last + 1, maxBytes);
  }

  allEntries(): readonly Entry[] {
    const entries = this.entries(this.firstIndex(), Number.POSITIVE_INFINITY);
    assert(typeof entries !== 'string', () => `the whole log is ${entries}`);
    return entries;
  }

  /** The log becomes a received snapshot; all entries are dropped. */
  restore(snapshot: Snapshot): void {
    this.committed = snapshot.metadata.index;
    this.unstable.restore(snapshot);
    this.#loading = false;
  }

  /**
   * Visits the entries of [low, high) in pages of at most `pageBytes` (or one entry) until `visit`
   * returns false. Returns why it could not go on, if so.
   */
  scan(
    low: LogIndex,
    high: LogIndex,
    pageBytes: number,
    visit: (entries: readonly Entry[]) => boolean,
  ): EntriesUnavailable | undefined {
    let at = low;
    while (at < high) {
      const page = this.slice(at, high, pageBytes);
      if (typeof page === 'string') return page;
      assert(page.length > 0, () => `no entries in [${at}, ${high})`);
      if (!visit(page)) return undefined;
      at += page.length;
    }
    return undefined;
  }

  /** Entries of [low, high), at least one, as far as `maxBytes` of encoded size allow. */
  slice(low: LogIndex, high: LogIndex, maxBytes: number): readonly Entry[] | EntriesUnavailable {
    assert(low <= high, () => `slice [${low}, ${high})`);
    if (low < this.firstIndex()) return 'compacted';
    assert(
      high <= this.lastIndex() + 1,
      () => `slice [${low}, ${high}) is beyond the last index ${this.lastIndex()}`,
    );
    if (low === high) return [];

    const { unstable } = this;
    if (low >= unstable.offset) return limitSize(unstable.slice(low, high), maxBytes);

    const cut = Math.min(high, unstable.offset);
    const stored = this.storage.entries(low, cut, maxBytes);
    if (typeof stored === 'string') {
      assert(stored !== 'unavailable', () => `entries [${low}, ${cut}) are not in the storage`);
      return stored;
    }
    if (high <= unstable.offset || stored.length < cut - low) return stored;

    let bytes = 0;
    for (const entry of stored) bytes += encodedEntryBytes(entry);
    if (bytes >= maxBytes) return stored;
    const rest = limitSize(unstable.slice(cut, high), maxBytes - bytes);
    // limitSize gives at least one entry, which here may be one too many.
    if (rest.length === 1 && bytes + encodedEntryBytes(rest[0]!) > maxBytes) return stored;
    return [...stored, ...rest];
  }
}
