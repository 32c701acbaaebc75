/**
 * The u64 fields that carry timestamps of the oracle. They exceed 2^53 today and are `bigint`; every
 * other u64 is an identifier or a count and is `number`. The code generator reads this table.
 */
export const TIMESTAMP_FIELDS: ReadonlySet<string> = new Set([
  'coprocessor.Request.start_ts',
  'kvrpcpb.BatchRollbackRequest.start_version',
  'kvrpcpb.CheckTxnStatusRequest.current_ts',
  'kvrpcpb.CheckTxnStatusRequest.lock_ts',
  'kvrpcpb.CheckTxnStatusResponse.commit_version',
  'kvrpcpb.CommitRequest.commit_version',
  'kvrpcpb.CommitRequest.start_version',
  'kvrpcpb.GetRequest.version',
  'kvrpcpb.LockInfo.lock_version',
  'kvrpcpb.PrewriteRequest.start_version',
  'kvrpcpb.PrewriteResponse.one_pc_commit_ts',
  'kvrpcpb.ResolveLockRequest.commit_version',
  'kvrpcpb.ResolveLockRequest.start_version',
  'kvrpcpb.ScanRequest.version',
  'kvrpcpb.WriteConflict.conflict_ts',
  'kvrpcpb.WriteConflict.start_ts',
  'schedulerpb.GetGCSafePointResponse.safe_point',
  'schedulerpb.UpdateGCSafePointRequest.safe_point',
  'schedulerpb.UpdateGCSafePointResponse.new_safe_point',
]);
