/**
 * Every queue, batch and message has its limit here, with its unit in the name. The relations between
 * neighbours are asserted by `limits.test.ts`.
 */
export const limits = {
  /** A user key. */
  keyBytesMax: 4_096,
  /** One Raft entry: refused before it is proposed, so that it can never wedge a Region. */
  raftEntryBytesMax: 8_388_608,
  /** A gRPC message, both ways. */
  grpcMessageBytesMax: 10_485_760,
  /** Commands of one Region that wait for their turn to be proposed. */
  regionPendingCommandsMax: 16_384,
  /** Bytes of the same. */
  regionPendingBytesMax: 67_108_864,
  /** Proposed and not yet applied commands of one Region. */
  regionInflightCommandsMax: 65_536,
  /** Commands that are gathered into one log entry. */
  entryCommandsMax: 1_024,
  /** Bytes gathered into one log entry before the next is begun (a single command may be larger). */
  entryBatchBytesMax: 262_144,
  /** Raft messages that wait for one peer to be stepped. */
  peerInboxMessagesMax: 4_096,
  /** Reads that wait for a read index in one Region. */
  regionPendingReadsMax: 65_536,
  /** Uncommitted bytes of a leader that has lost its quorum. */
  raftUncommittedBytesMax: 67_108_864,
  /** One MsgApp. */
  raftMessageBytesMax: 1_048_576,
  raftInflightMessagesMax: 256,
  raftInflightBytesMax: 33_554_432,
  /** Committed entries handed to apply at once, for one group. */
  applyBatchBytesMax: 4_194_304,
  /** Entries kept in memory past what is applied, for followers that are a little behind. */
  entryCacheBytesMax: 4_194_304,
  /** Bytes that wait on the Raft stream to one store before messages are dropped. */
  raftStreamBufferBytesMax: 33_554_432,
  /** Snapshots that a store sends and receives at once. */
  snapshotsSendingMax: 4,
  snapshotsReceivingMax: 4,
  snapshotChunkBytes: 262_144,
  /** Keys read or removed in one step while a range is scanned or wiped. */
  rangeStepKeys: 1_024,
  /** Pairs that a scan reads before it yields. */
  scanPageKeys: 256,
  /** Pairs in one answer to a scan, whatever the client asks for. */
  scanPairsMax: 10_240,
  /** Bytes of pairs in one answer to a scan. */
  scanBytesMax: 8_388_608,
  /** Commands that hold or wait for latches in one store. */
  latchCommandsMax: 32_768,
  /** Batched requests in flight on one client stream. */
  batchStreamInflightMax: 16_384,
  /** Requests in one batch message. */
  batchStreamItemsMax: 1_024,
  /** Region heartbeats that wait for the scheduler. */
  regionHeartbeatQueueMax: 16_384,
  /** Timestamps handed out by one request. */
  tsoCountMax: 262_144,
  /** Running operators of a scheduler. */
  operatorsMax: 4_096,
} as const;
