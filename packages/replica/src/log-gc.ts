import type { LogIndex } from '@tinykv/base';

/** What a log is kept for. */
export interface LogKeep {
  /** Durably applied entries that stay, at least, for members that lag. */
  readonly entries: number;
  /** No more than about so many bytes of them. */
  readonly bytes: number;
}

/** What is known of a group when its log is looked at. */
export interface LogFacts {
  readonly first: LogIndex;
  readonly durableApplied: LogIndex;
  /** What was durably applied when the present age began: entries up to it are old. */
  readonly agedIndex: LogIndex;
  /** Bytes of the kept entries. */
  readonly bytes: number;
  /** Up to where entries may go while so many bytes of the newest stay; 0 when all stay. */
  indexBefore(bytes: number): LogIndex;
  /** Every member of the group has the entries up to here, as its leader knows. */
  readonly replicated: LogIndex;
  /** The same of the members that answer; undefined on a follower. */
  readonly activeReplicated: LogIndex | undefined;
}

/**
 * Up to where the log of a group may be forgotten now; below `first` when nothing may go.
 *
 * - Old entries that every member has go, so that the log of an idle group ends up empty.
 * - A log that has too many entries or bytes loses what is too much. For members that answer a leader keeps twice as
 *   much; of those that do not, and of what is further behind, a snapshot is made.
 * - A follower keeps what a leader would, should it become one.
 */
export function forgettableIndex(facts: LogFacts, keep: LogKeep): LogIndex {
  const { first, durableApplied, replicated, activeReplicated } = facts;
  const aged = Math.min(facts.agedIndex, replicated, durableApplied);
  const isTooLong = durableApplied - first >= keep.entries || facts.bytes > keep.bytes;
  if (!isTooLong) return aged;
  const beyond = (times: number): LogIndex =>
    Math.max(durableApplied - times * keep.entries, facts.indexBefore(times * keep.bytes));
  let index = beyond(1);
  if (activeReplicated !== undefined) {
    index = Math.max(index, replicated - 1);
    index = Math.min(index, Math.max(activeReplicated - 1, beyond(2)));
  }
  return Math.min(Math.max(index, aged), durableApplied);
}
