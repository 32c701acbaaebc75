import type { LogIndex, Term } from '@tinykv/base';
import type { ConfState, Entry, HardState, Snapshot } from './types.js';

/**
 * What the core reads of the stable log. All calls are synchronous: entries that are not in memory
 * are answered as 'loading'; the core then leaves that progress where it is, and the owner fetches
 * them and calls `RawNode.entriesLoaded()` (raft-rs's "log temporarily unavailable").
 */
export interface RaftStorage {
  initialState(): { readonly hardState: HardState; readonly confState: ConfState };
  /** Entries in [low, high), at least one, then as many as fit `maxBytes` of encoded size. */
  entries(low: LogIndex, high: LogIndex, maxBytes: number): readonly Entry[] | EntriesUnavailable;
  /** Term of the entry at `index`, which is in [firstIndex-1, lastIndex]; else why not. */
  term(index: LogIndex): Term | 'compacted' | 'unavailable';
  firstIndex(): LogIndex;
  lastIndex(): LogIndex;
  /** The newest snapshot, or undefined while one is being made: the core asks again later. */
  snapshot(): Snapshot | undefined;
}

export type EntriesUnavailable = 'compacted' | 'unavailable' | 'loading';
