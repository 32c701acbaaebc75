import { assert, EMPTY_BYTES, type LogIndex, type Term } from '@tinykv/base';
import { emptyConfState, emptyHardState, limitSize } from './message.js';
import type { EntriesUnavailable, RaftStorage } from './storage.js';
import type { ConfState, Entry, HardState, Snapshot } from './types.js';

/** A stable log in memory: the reference for what a storage does, and the storage of tests. */
export class MemoryStorage implements RaftStorage {
  #hardState: HardState = emptyHardState;
  #snapshot: Snapshot = {
    data: EMPTY_BYTES,
    metadata: { confState: emptyConfState, index: 0, term: 0 },
  };
  /** The point before the first entry: the last one compacted. */
  #truncatedIndex: LogIndex = 0;
  #truncatedTerm: Term = 0;
  #entries: Entry[] = [];

  initialState(): { readonly hardState: HardState; readonly confState: ConfState } {
    return { hardState: this.#hardState, confState: this.#snapshot.metadata.confState };
  }

  entries(low: LogIndex, high: LogIndex, maxBytes: number): readonly Entry[] | EntriesUnavailable {
    if (low < this.firstIndex()) return 'compacted';
    assert(
      high <= this.lastIndex() + 1,
      () => `entries [${low}, ${high}) are beyond the last index ${this.lastIndex()}`,
    );
    const first = this.firstIndex();
    return limitSize(this.#entries.slice(low - first, high - first), maxBytes);
  }

  term(index: LogIndex): Term | 'compacted' | 'unavailable' {
    if (index < this.#truncatedIndex) return 'compacted';
    if (index === this.#truncatedIndex) return this.#truncatedTerm;
    return this.#entries[index - this.firstIndex()]?.term ?? 'unavailable';
  }

  firstIndex(): LogIndex {
    return this.#truncatedIndex + 1;
  }

  lastIndex(): LogIndex {
    return this.#truncatedIndex + this.#entries.length;
  }

  snapshot(): Snapshot | undefined {
    return this.#snapshot.metadata.index === 0 ? undefined : this.#snapshot;
  }

  setHardState(state: HardState): void {
    this.#hardState = state;
  }

  /** Adds consecutive entries, which replace all those at or after the first one's index. */
  append(entries: readonly Entry[]): void {
    // What is compacted already is not taken back.
    const kept = entries.filter((entry) => entry.index >= this.firstIndex());
    const first = kept[0];
    if (first === undefined) return;
    assert(
      first.index <= this.lastIndex() + 1,
      () => `append at ${first.index} leaves a gap after ${this.lastIndex()}`,
    );
    this.#entries = [...this.#entries.slice(0, first.index - this.firstIndex()), ...kept];
  }

  /** Replaces everything by the snapshot. False, without effect, when it is not newer than the present one. */
  applySnapshot(snapshot: Snapshot): boolean {
    const { index, term } = snapshot.metadata;
    if (index <= this.#snapshot.metadata.index) return false;
    this.#snapshot = snapshot;
    this.#truncatedIndex = index;
    this.#truncatedTerm = term;
    this.#entries = [];
    return true;
  }

  /** Makes a snapshot of the state at `index`. Undefined when there is one that is as new. */
  createSnapshot(
    index: LogIndex,
    confState: ConfState | undefined,
    data: Uint8Array,
  ): Snapshot | undefined {
    const { metadata } = this.#snapshot;
    if (index <= metadata.index) return undefined;
    const term = this.term(index);
    assert(typeof term === 'number', () => `snapshot at ${index}, whose term is ${term}`);
    this.#snapshot = {
      data,
      metadata: { confState: confState ?? metadata.confState, index, term },
    };
    return this.#snapshot;
  }

  /** Drops the entries up to and with `index`. False when that was done before. */
  compact(index: LogIndex): boolean {
    if (index <= this.#truncatedIndex) return false;
    const term = this.term(index);
    assert(typeof term === 'number', () => `compact to ${index} beyond ${this.lastIndex()}`);
    this.#entries = this.#entries.slice(index - this.#truncatedIndex);
    this.#truncatedIndex = index;
    this.#truncatedTerm = term;
    return true;
  }
}
