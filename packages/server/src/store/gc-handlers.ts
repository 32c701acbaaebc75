import { EMPTY_BYTES, type Result } from '@tinykv/base';
import type { KeyError } from '@tinykv/model';
import { type Init, keyErrorToWire, tinykvtxn } from '@tinykv/proto';
import type { Collected, TxnExecutor } from '@tinykv/txn';
import type { DestroyRange } from './destroy-range.js';
import { contextOf } from './txn-wire.js';
import { respond, type UnaryTable } from './unary.js';

const { kvGC, unsafeDestroyRange } = tinykvtxn.Txn;

/** The collection of old versions, which stores do by themselves as well, and the removal of whole ranges. */
export function serveGc(table: UnaryTable, { gc }: TxnExecutor, destroyRange: DestroyRange): void {
  table.serve(kvGC, (q, caller) => {
    const { safePoint, startKey } = q;
    return respond(gc.collect(contextOf(q, caller), { safePoint, startKey }), gcResponse);
  });
  table.serve(unsafeDestroyRange, async ({ startKey, endKey }) => ({
    error: (await destroyRange(startKey, endKey)) ?? '',
  }));
}

function gcResponse(answer: Result<Collected, KeyError>): Init<tinykvtxn.GCResponse> {
  if (!answer.ok) return { error: keyErrorToWire(answer.error) };
  const { nextKey = EMPTY_BYTES, versions } = answer.value;
  return { nextKey, collectedVersions: versions };
}
