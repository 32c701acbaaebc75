/** Times in milliseconds, sizes in bytes. */
export interface ReplicaConfig {
  readonly tickMs: number;
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  /** Barriers for groups that applied something are taken this often. */
  readonly barrierIntervalMs: number;
  /** A barrier is taken early once this many bytes have been applied. */
  readonly barrierBytes: number;
  readonly logGcIntervalMs: number;
  /** Applied entries kept in the log for followers that lag. */
  readonly logGcEntries: number;
  /** How long a leader keeps the log behind a snapshot for its follower; default {@link SNAPSHOT_LOG_KEEP_MS}. */
  readonly snapshotLogKeepMs?: number;
  /** Bytes of them; default `limits.raftLogKeptBytesMax`. */
  readonly logGcBytes?: number;
  /** Applied entries that every member has are kept for so long, up to twice; default a minute. */
  readonly logGcAgeMs?: number;
  /** The longest that a leader holds back a commit index for the next entries; default {@link COMMIT_HOLD_MS}. */
  readonly commitHoldMs?: number;
  /** The longest that a follower puts off what it has to apply; default {@link APPLY_HOLD_MS}. */
  readonly applyHoldMs?: number;
  /** Entries of one MsgApp; default `limits.raftMessageBytesMax`. Small, so that a tail travels in parts. */
  readonly messageBytesMax?: number;
}

/** More than a client takes from one answer to its next request; far less than what a follower is missed for. */
export const COMMIT_HOLD_MS = 10;

/** Nobody reads at a follower, and what is committed is in its log. */
export const APPLY_HOLD_MS = 10;

/** For the snapshot itself, and as long again for catching up with what was written meanwhile. */
export const SNAPSHOT_LOG_KEEP_MS = 600_000;
