import type { LockInfo } from '@tinykv/model';
import { type Init, kvrpcpb, lockToWire, tinykvtxn } from '@tinykv/proto';
import type { KeyHistory, KeyVersion, TxnExecutor } from '@tinykv/txn';
import { contextOf } from './txn-wire.js';
import { respond, type UnaryTable } from './unary.js';

const { kvScanLock, mvccGetByKey } = tinykvtxn.Txn;

/** What is stored, for those who look into a cluster. */
export function serveInspect(table: UnaryTable, { inspect }: TxnExecutor): void {
  table.serve(kvScanLock, (q, caller) => {
    const { maxVersion: maxTs, startKey, endKey, limit } = q;
    const request = { maxTs, startKey, endKey, limit };
    return respond(inspect.scanLocks(contextOf(q, caller), request), locksResponse);
  });
  table.serve(mvccGetByKey, (q, caller) =>
    respond(inspect.keyHistory(contextOf(q, caller), q.key), historyResponse),
  );
}

function locksResponse(locks: readonly LockInfo[]): Init<tinykvtxn.ScanLockResponse> {
  return { locks: locks.map(lockToWire) };
}

function historyResponse(history: KeyHistory | string): Init<tinykvtxn.MvccGetByKeyResponse> {
  if (typeof history === 'string') return { error: history };
  const { lock, versions, hasMore } = history;
  const info = { writes: versions.map(versionToWire), hasMore };
  return { info: lock === undefined ? info : { ...info, lock: lockToWire(lock) } };
}

const KINDS: Readonly<Record<KeyVersion['kind'], kvrpcpb.Op>> = {
  put: kvrpcpb.Op.Put,
  delete: kvrpcpb.Op.Del,
  lock: kvrpcpb.Op.Lock,
  rollback: kvrpcpb.Op.Rollback,
};

function versionToWire({ kind, startTs, commitTs, value }: KeyVersion): tinykvtxn.MvccWriteInit {
  return { type: KINDS[kind], startTs, commitTs, value };
}
