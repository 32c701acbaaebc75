import { contextFromWire, type Init, type kvrpcpb, tinykvpb } from '@tinykv/proto';
import type { RawAnswer, RawExecutor, RawPair } from '@tinykv/txn';
import { respond, type UnaryTable } from './unary.js';

const { rawDelete, rawGet, rawPut, rawScan } = tinykvpb.TinyKv;

/** The raw API: errors of a key or column family are texts in the response (facts of TinyKV, §4.1). */
export function serveRaw(table: UnaryTable, raw: RawExecutor): void {
  table.serve(rawGet, (q) =>
    respond(raw.get(contextFromWire(q.context), q.cf, q.key), getResponse),
  );
  table.serve(rawPut, (q) =>
    respond(raw.put(contextFromWire(q.context), q.cf, q.key, q.value), writeResponse),
  );
  table.serve(rawDelete, (q) =>
    respond(raw.delete(contextFromWire(q.context), q.cf, q.key), writeResponse),
  );
  table.serve(rawScan, ({ context, ...request }) =>
    respond(raw.scan(contextFromWire(context), request), scanResponse),
  );
}

function getResponse(answer: RawAnswer<Uint8Array | undefined>): Init<kvrpcpb.RawGetResponse> {
  if (answer.type === 'error') return { error: answer.message };
  return answer.value === undefined ? { notFound: true } : { value: answer.value };
}

function writeResponse(answer: RawAnswer<void>): Init<kvrpcpb.RawPutResponse> {
  return answer.type === 'error' ? { error: answer.message } : {};
}

function scanResponse(answer: RawAnswer<readonly RawPair[]>): Init<kvrpcpb.RawScanResponse> {
  return answer.type === 'error' ? { error: answer.message } : { kvs: answer.value };
}
