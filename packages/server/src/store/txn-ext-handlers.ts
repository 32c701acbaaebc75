import { type Init, keyErrorToWire, tinykvtxn } from '@tinykv/proto';
import type { GetAnswer, PairsAnswer, TxnExecutor, VersionsAnswer } from '@tinykv/txn';
import { contextOf, pairToWire } from './txn-wire.js';
import { respond, type UnaryTable } from './unary.js';

const { kvBatchGet, kvGetVersions, kvTxnHeartBeat } = tinykvtxn.Txn;

/** What the transactional API has beside TinyKV's: reads of many keys and of versions, and heartbeats. */
export function serveTxnExt(table: UnaryTable, txn: TxnExecutor): void {
  table.serve(kvBatchGet, (q, caller) =>
    respond(txn.reads.batchGet(contextOf(q, caller), q.keys, q.version), batchGetResponse),
  );
  table.serve(kvGetVersions, (q, caller) =>
    respond(txn.reads.versions(contextOf(q, caller), q.keys, q.version), versionsResponse),
  );
  table.serve(kvTxnHeartBeat, (q, caller) => {
    const { primaryLock: primary, startVersion: startTs, adviseLockTtl: ttlMs } = q;
    return respond(
      txn.writes.txnHeartBeat(contextOf(q, caller), { primary, startTs, ttlMs }),
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

function versionsResponse(answer: VersionsAnswer): Init<tinykvtxn.GetVersionsResponse> {
  if (answer.type === 'key-error') return { error: keyErrorToWire(answer.error) };
  const { versions, safePoint } = answer;
  return { versions: versions.map(versionToWire), safePoint };
}

function versionToWire(
  version: GetAnswer & { readonly key: Uint8Array },
): Init<tinykvtxn.KeyVersion> {
  const { key } = version;
  switch (version.type) {
    case 'value':
      return { key, found: true, value: version.value, commitTs: version.commitTs };
    case 'not-found':
      return { key, commitTs: version.commitTs };
    case 'key-error':
      return { key, error: keyErrorToWire(version.error) };
  }
}
