import { KvError, TS_ZERO } from '@tinykv/base';
import type { WriteCondition } from '@tinykv/model';
import { type Init, keyErrorToWire, tinykvtxn } from '@tinykv/proto';
import type { Change, OneKeyOutcome, OneKeyWrite, TxnExecutor } from '@tinykv/txn';
import { contextOf } from './txn-wire.js';
import { respond, type UnaryTable } from './unary.js';

const { OneKeyResult, WriteCondition: Wire } = tinykvtxn;

/** Writes of one key that the store decides. */
export function serveOneKey(table: UnaryTable, txn: TxnExecutor): void {
  table.serve(tinykvtxn.Txn.kvOneKeyWrite, (q, caller) => {
    const { waitForLatches } = q;
    const request = { writes: q.writes.map(writeFromWire), waitForLatches };
    return respond(
      txn.oneKey.write(contextOf(q, caller), request),
      (outcomes): Init<tinykvtxn.OneKeyWriteResponse> => ({
        outcomes: outcomes.map(outcomeToWire),
      }),
    );
  });
}

function writeFromWire(wire: tinykvtxn.OneKeyWrite): OneKeyWrite {
  const { key, ts } = wire;
  const companions = wire.companions.map((one) => ({ key: one.key, change: changeOf(one) }));
  return { key, ts, condition: conditionOf(wire), change: changeOf(wire), companions };
}

function changeOf(wire: { readonly delete: boolean; readonly value: Uint8Array }): Change {
  return wire.delete ? { kind: 'delete' } : { kind: 'put', value: wire.value };
}

function conditionOf({
  condition,
  version,
  heads,
  orAbsent,
}: tinykvtxn.OneKeyWrite): WriteCondition {
  switch (condition) {
    case Wire.WriteAlways:
      return { type: 'always' };
    case Wire.WriteIfAbsent:
      return { type: 'absent' };
    case Wire.WriteIfVersion:
      return { type: 'version', version };
    case Wire.WriteIfHead:
      return { type: 'head', heads, orAbsent };
    default:
      throw new KvError(
        'INVALID_ARGUMENT',
        `condition ${condition as number} of a write is unknown`,
      );
  }
}

function outcomeToWire(outcome: OneKeyOutcome): Init<tinykvtxn.OneKeyOutcome> {
  switch (outcome.type) {
    case 'written':
      return { result: OneKeyResult.OneKeyWritten, commitTs: outcome.commitTs ?? TS_ZERO };
    case 'refused': {
      const { value, version } = outcome;
      const found = value === undefined ? {} : { found: true, value };
      return { result: OneKeyResult.OneKeyRefused, version, ...found };
    }
    case 'latched':
      return { result: OneKeyResult.OneKeyLatched };
    case 'unready':
      return { result: OneKeyResult.OneKeyUnready };
    case 'error':
      return { result: OneKeyResult.OneKeyFailed, error: keyErrorToWire(outcome.error) };
  }
}
