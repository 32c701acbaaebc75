import type { LogIndex, Term } from '@tinykv/base';
import type { Entry, HardState } from './types.js';

/**
 * The durable log of all Raft groups of one process. A group is named by its number (the Region id).
 * Contract: when `append` resolves, everything in its updates is durable, by ONE write and ONE fsync
 * for all groups; after a crash a batch is there whole or not at all, and no later batch without the
 * earlier ones. At most one `append` is in flight; a failure is fatal for the process, but for KvError
 * RESOURCE_EXHAUSTED: the disk is full, nothing of the updates counts, and they may be appended again.
 */
export interface RaftLog {
  /** Reads everything back; must be called once, before anything else. */
  open(): Promise<readonly RecoveredGroup[]>;
  append(updates: readonly GroupUpdate[]): Promise<void>;
  /**
   * Entries in [low, high), at least one, of at most `maxBytes` of encoded size; fewer where the log would have to
   * read much more than it returns. Rejects with DATA_LOSS on a bad checksum.
   */
  read(group: number, low: LogIndex, high: LogIndex, maxBytes: number): Promise<Entry[]>;
  /**
   * Entries that the log came across in its own work and could not read, since the last call. Nothing needs them
   * but a lagging follower: they go once the group truncates them.
   */
  takeDamage?(): readonly LogDamage[];
  /** fsyncs since open: the count behind "fsyncs per put". */
  readonly syncs: number;
  close(): Promise<void>;
}

/** The entries of a group up to and with `through` are not to be had any more. */
export interface LogDamage {
  readonly group: number;
  readonly through: LogIndex;
  readonly error: unknown;
}

/** Changes of one group; the fields are applied in the order in which they stand here. */
export interface GroupUpdate {
  readonly group: number;
  /** Removes the group and all that is said of it. No other field may be set. */
  readonly destroy?: boolean;
  /** Drops all entries: the log now begins after this point (a snapshot was installed, or the group is new). */
  readonly reset?: LogPosition;
  /** Consecutive entries; those that the log holds at or after the first one's index are replaced. */
  readonly entries?: readonly Entry[];
  readonly hardState?: HardState;
  /** Entries up to and with this point may be dropped. */
  readonly truncate?: LogPosition;
  /** The state machine is durable up to this index: recovery replays what follows. */
  readonly durableApplied?: LogIndex;
}

export interface LogPosition {
  readonly index: LogIndex;
  readonly term: Term;
}

export interface RecoveredGroup {
  readonly group: number;
  readonly hardState: HardState;
  /** The point before the first entry. */
  readonly truncated: LogPosition;
  readonly lastIndex: LogIndex;
  readonly durableApplied: LogIndex;
  /** Runs of equal terms over (truncated.index, lastIndex], in order: terms stay in memory, data does not. */
  readonly termRuns: readonly TermRun[];
}

export interface TermRun {
  readonly first: LogIndex;
  readonly term: Term;
}
