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
  /** Entries of one MsgApp; default `limits.raftMessageBytesMax`. Small, so that a tail travels in parts. */
  readonly messageBytesMax?: number;
}
