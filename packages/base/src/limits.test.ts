import { describe, expect, it } from 'vitest';
import { limits } from './limits.js';

describe('limits', () => {
  it('are positive whole numbers', () => {
    for (const [name, value] of Object.entries(limits)) {
      expect(Number.isSafeInteger(value) && value > 0, name).toBe(true);
    }
  });

  /** Each pair: what must fit, and what it must fit into. */
  it.each([
    // An entry, an answer of a scan and a snapshot chunk travel in one gRPC message with room to spare.
    ['raftEntryBytesMax', 'grpcMessageBytesMax'],
    ['scanBytesMax', 'answerBytesMax'],
    ['raftEntryBytesMax', 'answerBytesMax'],
    ['answerBytesMax', 'grpcMessageBytesMax'],
    ['snapshotChunkBytes', 'grpcMessageBytesMax'],
    ['batchStreamMessageBytesMax', 'grpcMessageBytesMax'],
    // The largest entry passes every queue between its proposal and its apply.
    ['raftEntryBytesMax', 'regionPendingBytesMax'],
    ['raftEntryBytesMax', 'raftUncommittedBytesMax'],
    ['raftEntryBytesMax', 'raftInflightBytesMax'],
    ['raftEntryBytesMax', 'raftStreamBufferBytesMax'],
    ['raftEntryBytesMax', 'raftLogKeptBytesMax'],
    // One Region alone can fill its own queues.
    ['regionPendingBytesMax', 'storeMemoryBytesMax'],
    ['raftInflightBytesMax', 'storeMemoryBytesMax'],
    ['entryBatchBytesMax', 'raftEntryBytesMax'],
    ['raftMessageBytesMax', 'raftInflightBytesMax'],
    ['applyBatchBytesMax', 'raftUncommittedBytesMax'],
    // A transaction of one phase, or the locks that it leaves when it may not be one.
    ['onePhaseBytesMax', 'raftEntryBytesMax'],
    // Gathering never waits for more than may be there.
    ['entryCommandsMax', 'regionPendingCommandsMax'],
    ['regionPendingCommandsMax', 'regionInflightCommandsMax'],
    ['scanPageKeys', 'clientScanPageKeys'],
    ['snapshotHeaderMs', 'snapshotIdleMs'],
    ['tsoInflightMax', 'tsoStreamPendingMax'],
    ['tsoStreamPendingMax', 'tsoPendingMax'],
    ['deadlockSearchEdgesMax', 'deadlockPartEdges'],
    ['deadlockPartEdges', 'deadlockRequestEdgesMax'],
    ['deadlockRequestEdgesMax', 'waitForEdgesMax'],
    ['scanPageKeys', 'mvccVersionsMax'],
    ['clientBatchGetKeysMax', 'batchGetKeysMax'],
    ['clientParallelBatchesMax', 'clientParallelRequestsMax'],
    ['batchStreamItemsMax', 'batchStreamInflightMax'],
    // One stream alone cannot use up what a store holds for all.
    ['grpcMessageBytesMax', 'batchStreamRequestBytesMax'],
    ['scanBytesMax', 'batchStreamReplyBytesMax'],
    ['batchStreamRequestBytesMax', 'storeRequestBytesMax'],
    ['batchStreamReplyBytesMax', 'storeRequestBytesMax'],
    ['batchStreamLongMax', 'storeLongMax'],
    // Commands that wait leave room for requests that need not.
    ['grpcMessageBytesMax', 'latchWaitingBytesMax'],
    ['latchWaitingBytesMax', 'storeRequestBytesMax'],
    // A command with as many keys as it may have is read in parts.
    ['commandPartKeys', 'commandKeysMax'],
    ['asyncCommitKeysMax', 'commandKeysMax'],
    ['clientLocksAheadMax', 'commandKeysMax'],
    ['batchStreamInflightMax', 'latchCommandsMax'],
    ['keyBytesMax', 'entryBatchBytesMax'],
    // What a gateway takes from a client fits into what it holds, and that into a transaction of the store.
    ['gatewayKeyBytesMax', 'keyBytesMax'],
    ['gatewayInlineBytesMax', 'gatewayQueryBytesMax'],
    ['gatewayBulkBytesMax', 'gatewayQueryBytesMax'],
    ['gatewayBulkBytesMax', 'gatewayTxnBytesMax'],
    ['gatewayBulkBytesMax', 'gatewayOutputBytesMax'],
    ['gatewayTxnBytesMax', 'txnBytesMax'],
    ['gatewayTxnKeysMax', 'txnKeysMax'],
    ['gatewayChunkBytes', 'raftEntryBytesMax'],
    ['gatewayBatchCommandsMax', 'gatewayLatchCommandsMax'],
    ['gatewayTurnGroupsMax', 'gatewayLatchCommandsMax'],
  ] as const)('%s < %s', (small, large) => {
    expect(limits[small]).toBeLessThan(limits[large]);
  });

  it('let a read pass as many transactions as a snapshot and one request remember', () => {
    const ofRequest = 2 * Math.max(limits.clientBatchGetKeysMax, limits.clientScanPageKeys);
    expect(limits.clientPassedTxnsMax + ofRequest).toBeLessThanOrEqual(limits.resolvedLocksMax);
  });

  it("let a command have as many keys as our client, or TinyKV's, puts into one", () => {
    // The client counts 256 bytes and a key of one byte for each key of a transaction of one phase.
    expect(limits.onePhaseBytesMax / 257).toBeLessThan(limits.commandKeysMax);
    // All other requests have at most so many bytes of keys, of which none is empty.
    expect(limits.txnBatchBytesMax).toBeLessThan(limits.commandKeysMax);
  });

  it('leave a full message room for what stands around its payload', () => {
    const framing =
      limits.grpcMessageBytesMax - Math.max(limits.raftEntryBytesMax, limits.scanBytesMax);
    expect(framing).toBeGreaterThan(16 * limits.keyBytesMax);
  });
});
