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
  /** Calls and streams at once on one connection to a server. */
  grpcConcurrentStreamsMax: 16_384,
  /** Connections to one gRPC server; more are closed at once. */
  grpcConnectionsMax: 4_096,
  /** How long a connection may take until it has spoken HTTP/2. */
  grpcHandshakeMs: 10_000,
  /** Connections to a status page. */
  statusConnectionsMax: 64,
  /** How long one may take for the head of a request. */
  statusHeadMs: 5_000,
  /** Bytes that wait on one gRPC stream before its sender is told to wait. */
  streamBufferBytesMax: 1_048_576,
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
  /** Entries of one group in memory, those that are not yet applied apart, for followers that are a little behind. */
  entryCacheBytesMax: 4_194_304,
  /** Messages to one store that wait while no stream leads to it; the newest stay. */
  raftWaitingMessagesMax: 256,
  /** Stores whose addresses a store remembers. */
  storeAddressesMax: 4_096,
  /** Of all groups of a store together: inboxes, entries on their way to the disk, entry caches. */
  storeMemoryBytesMax: 134_217_728,
  /** Applied entries that the log of one group keeps for followers that lag. */
  raftLogKeptBytesMax: 16_777_216,
  /** Bytes that wait on the Raft stream to one store before messages are dropped. */
  raftStreamBufferBytesMax: 33_554_432,
  /** Snapshots that a store sends and receives at once. */
  snapshotsSendingMax: 4,
  snapshotsReceivingMax: 4,
  snapshotChunkBytes: 262_144,
  /** Parts of one snapshot that are on their way without an acknowledgement. */
  snapshotWindowParts: 16,
  /** How long a receiver waits for the first part of a snapshot, which names it. */
  snapshotHeaderMs: 10_000,
  /** How long it waits for each later part: several streams may share a low rate. */
  snapshotIdleMs: 60_000,
  /** Keys read or removed in one step while a range is scanned or wiped. */
  rangeStepKeys: 1_024,
  /** Files that one step of giving space back goes through, and all steps of a store in a second. */
  reclaimStepBytes: 16_777_216,
  reclaimBytesPerSecond: 33_554_432,
  /** Ranges whose space waits to be given back; a further one is taken together with the last. */
  reclaimRangesMax: 1_024,
  /** Pairs that a scan reads before it yields. */
  scanPageKeys: 256,
  /** Pairs and bytes that a client asks for in one request of a scan. The page ends at the bytes, unless its store is of an older version. */
  clientScanPageKeys: 1_536,
  clientScanPageBytes: 262_144,
  /** Pages that a scan of a client holds ahead of the one that its caller has. */
  clientScanPagesAhead: 4,
  /** Bytes of pairs or locks in one answer, with what stands around each; a scan that finds more is refused. */
  scanBytesMax: 8_388_608,
  /** One encoded answer; the rest of a gRPC message is for what a batch stream puts around it. */
  answerBytesMax: 10_484_736,
  /** Versions of one key in one answer to those who look into it. */
  mvccVersionsMax: 1_024,
  /** Keys of one batch get, whatever their values. */
  batchGetKeysMax: 10_240,
  /** Records that one command of the collection reads, and may remove. */
  gcPageRecords: 512,
  /** Expired raw keys that are removed at a time. */
  rawExpireKeys: 64,
  /** The longest time to live of a raw key: a hundred years. */
  rawTtlMsMax: 3_155_760_000_000,
  /** Hashes of keys by which a store remembers reads at timestamps that may not have been granted. */
  unprovenReadSlots: 4_096,
  /** Commands that hold or wait for latches in one store. */
  latchCommandsMax: 32_768,
  /** Bytes of the commands that wait for latches in one store; further ones that would wait are told that it is busy. */
  latchWaitingBytesMax: 67_108_864,
  /** Keys of one command that writes: more than our client, or TinyKV's, ever puts into one. */
  commandKeysMax: 32_768,
  /** Keys of one command that are read, or decided, before other commands have their turn. */
  commandPartKeys: 256,
  /** Requests of one store that wait for locks of others; more are told that the key is locked. */
  lockWaitsMax: 16_384,
  /** How long a lock lives from the start of its transaction; our client keeps none alive for more than an hour. */
  lockTtlMsMax: 7_200_000,
  /** Waits between transactions that one store remembers to find deadlocks. */
  waitForEdgesMax: 262_144,
  /** Waits that one request tells the detector of, begun and ended together; more are refused. */
  deadlockWaitsMax: 2_048,
  /** Waits that the search for one cycle looks at; a longer one ends by time. */
  deadlockSearchEdgesMax: 4_096,
  /** Waits that all searches of one request look at before others have their turn. */
  deadlockPartEdges: 8_192,
  /** The same of one request in all; what it tells beyond is not taken in, and is told again. */
  deadlockRequestEdgesMax: 65_536,
  /** Batched requests in flight on one client stream. */
  batchStreamInflightMax: 16_384,
  /** Bytes of the messages of one client stream that have requests without an answer; further ones are told that the store is busy. */
  batchStreamRequestBytesMax: 67_108_864,
  /** Bytes of answers that wait for the client of one stream to read; past it no request of the stream is begun. */
  batchStreamReplyBytesMax: 16_777_216,
  /** Requests of one stream that read many keys and run at once; further ones wait for their turn. */
  batchStreamLongMax: 32,
  /** The same in one store, over all streams and calls; further ones are told that the store is busy. */
  storeLongMax: 128,
  /** Bytes of requests without an answer, and of answers that nobody has read, in one store. */
  storeRequestBytesMax: 268_435_456,
  /** Requests in one batch message. */
  batchStreamItemsMax: 1_024,
  /** Requests of a client that wait for the stream to one store. */
  clientQueuedRequestsMax: 65_536,
  /** Bytes of requests gathered into one batch message (a single request may be larger). */
  batchStreamMessageBytesMax: 1_048_576,
  /** Regions that a client remembers; past it, it begins anew. */
  clientRegionsMax: 262_144,
  /** Requests that one call of a client has under way at once. */
  clientParallelRequestsMax: 256,
  /** Batches of one call that a client has under way at once: more would make stores answer later, not sooner. */
  clientParallelBatchesMax: 64,
  /** Writes of one key in one request. */
  oneKeyWritesMax: 4_096,
  /** The same of a client of ours, and the bytes of their keys and values. */
  clientOneKeyWritesMax: 256,
  clientOneKeyBytesMax: 1_048_576,
  /** Keys that a client asks for in one batch get. */
  clientBatchGetKeysMax: 1_024,
  /** Requests for timestamps in flight from one client; later ones gather into the next. */
  tsoInflightMax: 16,
  /** Keys and values, or keys alone, in one request of a committing transaction. */
  txnBatchBytesMax: 16_384,
  /** Bytes of a transaction, with what its records add, that goes to one store as one request: about an entry. */
  onePhaseBytesMax: 8_323_072,
  /** Keys of a transaction that commits asynchronously: its primary's lock names all others. */
  asyncCommitKeysMax: 256,
  /** Their bytes, without the values. */
  asyncCommitKeyBytesMax: 4_096,
  /** Keys that a transaction which is run again locks before it begins. */
  clientLocksAheadMax: 32,
  /** Keys that one transaction changes or locks. */
  txnKeysMax: 1_048_576,
  /** Their bytes with the values. */
  txnBytesMax: 268_435_456,
  /** Savepoints of one transaction that can be rolled back to. */
  txnSavepointsMax: 1_024,
  /** Outcomes of other transactions that a client remembers. */
  clientResolvedTxnsMax: 4_096,
  /** Living transactions whose locks a snapshot may pass, and that it remembers from one request to the next. */
  clientPassedTxnsMax: 1_024,
  /** Transactions whose locks one read may ask a store to pass. */
  resolvedLocksMax: 4_096,
  /** Committed transactions of a client whose secondary keys are still to be committed. */
  clientBackgroundTxnsMax: 1_024,
  /** Region heartbeats that wait for the scheduler. */
  regionHeartbeatQueueMax: 16_384,
  /** Timestamps handed out by one request; PD's own client gathers 10,000 at most. */
  tsoCountMax: 16_384,
  /** Requests for timestamps of one stream that wait for one scheduler; a client has 16 in flight. */
  tsoStreamPendingMax: 1_024,
  /** The same of all streams. */
  tsoPendingMax: 65_536,
  /** Ids that one request to the scheduler takes: a Region and its peers. */
  idsPerRequestMax: 256,
  /** Store ids that are taken without having been given out: foreign stores choose their own. */
  foreignStoreIdMax: 4_294_967_295,
  /** Stores that a scheduler remembers, tombstones included. */
  storesMax: 4_096,
  /** Peers that the replica checker may be told to give each Region. */
  maxPeerCountMax: 31,
  /** A term or an index that another store may name: below 2^53 by far, since both are counted up from there. */
  raftNumberMax: 1_125_899_906_842_624,
  /** Elections by which a peer that is not known yet may be ahead: one a second for twelve days. */
  raftTermStepMax: 1_048_576,
  /** Peers of a store that messages have made, and that wait for their first snapshot. */
  uninitializedPeersMax: 4_096,
  /** Changes of peers, or splits, that a Region can have been through. */
  epochMax: 1_099_511_627_776,
  /** The same between two reports of its leader. */
  epochStepMax: 65_536,
  /** Running operators of a scheduler. */
  operatorsMax: 4_096,
  /** Finished operators that a scheduler remembers. */
  operatorRecordsMax: 4_096,
  /** The longest time that an operator may set for the collection, and that a service may hold it back without asking again: a year. */
  gcPeriodMsMax: 31_536_000_000,
  /** Services that hold back the GC safe point. */
  gcServicesMax: 256,
  /** Bytes of the name of one. */
  gcServiceIdBytesMax: 128,
  /** Connections of one gateway; more are told so and closed. */
  gatewayClientsMax: 10_000,
  /** Bytes of an inline request, or of the line of a RESP length, that may wait for its end. */
  gatewayInlineBytesMax: 65_536,
  /** Arguments of one request, as Redis has it; its memory ends sooner. */
  gatewayArgumentsMax: 2_147_483_647,
  /** One argument, and so one value. */
  gatewayBulkBytesMax: 33_554_432,
  /** Memory held for a request that is not complete. */
  gatewayQueryBytesMax: 268_435_456,
  /** Memory that all clients of one gateway hold: their requests, what they have queued, answers that wait for them. */
  gatewayClientsBytesMax: 536_870_912,
  /** Clients that hold less are not dropped for the memory that others hold. */
  gatewayClientBytesMin: 65_536,
  /** Replies that a client has not read, before its connection is dropped. */
  gatewayOutputBytesMax: 268_435_456,
  /** Requests of one connection that run at once; more wait, then the socket is not read. */
  gatewaySessionInflightMax: 128,
  /** Decoded requests of one connection that wait. */
  gatewaySessionQueuedMax: 1_024,
  /** Commands queued between MULTI and EXEC. */
  gatewayMultiCommandsMax: 65_536,
  /** Memory of the same. */
  gatewayMultiBytesMax: 134_217_728,
  /** Keys that a command reads or writes before it lets others have their turn. */
  gatewayStepKeys: 1_024,
  /** Keys of one command that wait for their latches; one of more keys goes without, alone in its session. */
  gatewayLatchedKeysMax: 1_024,
  /** Arguments of the requests that one session begins before it lets others have their turn. */
  gatewayTurnArgumentsMax: 4_096,
  /** Arguments of a command that has no keys. */
  gatewayPlainArgumentsMax: 16_384,
  /** Keys that one session watches. */
  gatewayWatchedKeysMax: 4_096,
  /** Commands of one gateway that hold or wait for the latch of their keys. */
  gatewayLatchCommandsMax: 65_536,
  /** Commands on one key that share a transaction. */
  gatewayBatchCommandsMax: 256,
  /** Keys that one turn of a gateway reads or writes without a transaction; the others come in the next one. */
  gatewayTurnGroupsMax: 4_096,
  /** Keys that one transaction of the gateway writes. */
  gatewayTxnKeysMax: 65_536,
  /** Bytes of keys and values that one transaction of the gateway writes. */
  gatewayTxnBytesMax: 67_108_864,
  /** A Redis key: what a key of the store leaves beside the gateway's prefix. */
  gatewayKeyBytesMax: 4_064,
  /** A string longer than this is kept in chunks of this size. */
  gatewayChunkBytes: 262_144,
  /** Ranges of slots in which a gateway looks for keys at once. */
  gatewayScanParts: 8,
  /** Keys that one step of the gateway's background work reads or removes. */
  gatewaySweepKeysMax: 256,
} as const;
