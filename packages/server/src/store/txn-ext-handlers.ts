import { type Init, keyErrorToWire, tinykvtxn } from '@tinykv/proto';
import type { PairsAnswer, TxnExecutor } from '@tinykv/txn';
import { contextOf, pairToWire } from './txn-wire.js';
import { respond, type UnaryTable } from './unary.js';

const { kvBatchGet, kvTxnHeartBeat } = tinykvtxn.Txn;

/** What the transactional API has beside TinyKV's: batch reads and heartbeats. */
export function serveTxnExt(table: UnaryTable, txn: TxnExecutor): void {
  table.serve(kvBatchGet, (q) =>
    respond(txn.reads.batchGet(contextOf(q), q.keys, q.version), batchGetResponse),
  );
  table.serve(kvTxnHeartBeat, (q) => {
    const { primaryLock: primary, startVersion: startTs, adviseLockTtl: ttlMs } = q;
    return respond(
      txn.writes.txnHeartBeat(contextOf(q), { primary, startTs, ttlMs }),
      (answer): Init<tinykvtxn.TxnHeartBeatResponse> =>
        answer.ok ? { lockTtl: answer.value } : { error: keyErrorToWire(answer.error) },
    );
  });
}

function batchGetResponse(answer: PairsAnswer): Init<tinykvtxn.BatchGetResponse> {
  return answer.type === 'pairs'
    ? { pairs: answer.pairs.map(pairToWire) }
    : { error: keyErrorToWire(answer.error) };
}
