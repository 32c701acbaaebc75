import { EMPTY_BYTES } from '@tinykv/base';
import { type Init, keyErrorToWire, tinykvtxn } from '@tinykv/proto';
import type { LockedValue, PessimisticLockAnswer, TxnExecutor } from '@tinykv/txn';
import { contextOf } from './txn-wire.js';
import { respond, type UnaryTable } from './unary.js';

const { kvPessimisticLock, kvPessimisticRollback } = tinykvtxn.Txn;

/** Locks that transactions take before they write. */
export function servePessimistic(table: UnaryTable, txn: TxnExecutor): void {
  table.serve(kvPessimisticLock, (q, caller) => {
    const { keys, primaryLock: primary, startVersion: startTs, lockTtl: ttlMs } = q;
    const { forUpdateTs, minCommitTs, returnValues, pipelined, aliveLockTs } = q;
    const forceLock = q.wakeUpMode === tinykvtxn.WakeUpMode.WakeUpModeForceLock;
    const waitMs = q.noWait ? 0 : q.waitTimeout === 0 ? undefined : q.waitTimeout;
    const txnPart = { primary, startTs, ttlMs, forUpdateTs, minCommitTs };
    const how = { waitMs, returnValues, pipelined, forceLock, aliveLockTs };
    const request = { keys, ...txnPart, ...how };
    return respond(txn.locks.lock(contextOf(q, caller), request), lockResponse);
  });
  table.serve(kvPessimisticRollback, (q, caller) => {
    const { keys, startVersion: startTs, forUpdateTs } = q;
    return respond(
      txn.locks.rollback(contextOf(q, caller), { keys, startTs, forUpdateTs }),
      () => ({}),
    );
  });
}

function lockResponse({
  error,
  values,
}: PessimisticLockAnswer): Init<tinykvtxn.PessimisticLockResponse> {
  if (error !== undefined) return { errors: [keyErrorToWire(error)] };
  return { values: values.map(valueToWire) };
}

function valueToWire({ value, commitTs, conflictTs }: LockedValue): Init<tinykvtxn.LockedValue> {
  const found = value !== undefined;
  return { found, value: value ?? EMPTY_BYTES, commitTs, lockedWithConflictTs: conflictTs };
}
