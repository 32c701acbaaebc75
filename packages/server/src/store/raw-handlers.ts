import type { Caller } from '@tinykv/base';
import {
  contextFromWire,
  type Init,
  type kvrpcpb,
  PairListWriter,
  tinykvpb,
  tinykvtxn,
} from '@tinykv/proto';
import { AnswerTooLargeError, type RawAnswer, type RawExecutor, type RawSwap } from '@tinykv/txn';
import { EncodedAnswer } from './encoded-answer.js';
import { respond, type UnaryTable } from './unary.js';

const { rawDelete, rawGet, rawPut, rawScan } = tinykvpb.TinyKv;
const { rawCompareAndSwap, rawCompareAndSwapWithTTL, rawGetKeyTTL, rawPutWithTTL } = tinykvtxn.Txn;

/** The raw API: errors of a key or column family are texts in the response (facts of TinyKV, §4.1). */
export function serveRaw(table: UnaryTable, raw: RawExecutor): void {
  table.serve(rawGet, (q) =>
    respond(raw.get(contextFromWire(q.context), q.cf, q.key), getResponse),
  );
  table.serve(rawPut, (q) => {
    const answer = raw.put(contextFromWire(q.context), q.cf, q.key, q.value);
    return respond(answer, writeResponse, refusalFor(q));
  });
  table.serve(rawDelete, (q) => {
    const answer = raw.delete(contextFromWire(q.context), q.cf, q.key);
    return respond(answer, writeResponse, refusalFor(q));
  });
  table.serve(rawScan, (q, caller) => scan(raw, q, caller));
  table.serve(rawCompareAndSwap, (q, caller) =>
    respond(
      raw.compareAndSwap({ ...contextFromWire(q.context), caller }, { ...q, ttl: 'keep' }),
      swapResponse,
    ),
  );
  serveTtl(table, raw);
}

function serveTtl(table: UnaryTable, raw: RawExecutor): void {
  table.serve(rawPutWithTTL, (q, caller) => {
    const context = { ...contextFromWire(q.context), caller };
    return respond(raw.putWithTtl(context, q.cf, q.key, q.value, q.ttlMs), writeResponse);
  });
  table.serve(rawCompareAndSwapWithTTL, (q, caller) => {
    const context = { ...contextFromWire(q.context), caller };
    const ttl = q.ttlMs === 0 ? undefined : q.ttlMs;
    return respond(raw.compareAndSwap(context, { ...q, ttl }), swapResponse);
  });
  table.serve(rawGetKeyTTL, (q) =>
    respond(raw.ttl(contextFromWire(q.context), q.cf, q.key), ttlResponse),
  );
}

type WriteResponse = Init<kvrpcpb.RawPutResponse>;

/** A client of ours knows the fields of the Region error. */
function refusalFor({
  context,
}: {
  readonly context: kvrpcpb.Context | undefined;
}): ((error: string) => WriteResponse) | undefined {
  return context?.strict ? undefined : (error) => ({ error });
}

async function scan(
  raw: RawExecutor,
  { context, ...request }: kvrpcpb.RawScanRequest,
  caller: Caller,
): Promise<Init<kvrpcpb.RawScanResponse> | EncodedAnswer<kvrpcpb.RawScanResponse>> {
  const pairs = new EncodedAnswer<kvrpcpb.RawScanResponse>(PairListWriter.ofRawScan());
  try {
    const read = raw.scanInto({ ...contextFromWire(context), caller }, request, pairs);
    return await respond(read, (answer) => {
      if (answer.type === 'error') return { error: answer.message };
      if (answer.value === 'bytes') pairs.endEarly();
      return pairs;
    });
  } catch (error) {
    // A client of ours asks for a smaller page; one of TinyKV would send the same again after a failed call.
    if (context?.strict || !(error instanceof AnswerTooLargeError)) throw error;
    return { error: error.message };
  }
}

function getResponse(answer: RawAnswer<Uint8Array | undefined>): Init<kvrpcpb.RawGetResponse> {
  if (answer.type === 'error') return { error: answer.message };
  return answer.value === undefined ? { notFound: true } : { value: answer.value };
}

function ttlResponse(
  answer: RawAnswer<number | 'never' | undefined>,
): Init<tinykvtxn.RawGetKeyTTLResponse> {
  if (answer.type === 'error') return { error: answer.message };
  if (answer.value === undefined) return { notFound: true };
  return { ttlMs: answer.value === 'never' ? 0 : answer.value };
}

function swapResponse(answer: RawAnswer<RawSwap>): Init<tinykvtxn.RawCompareAndSwapResponse> {
  return answer.type === 'error' ? { error: answer.message } : answer.value;
}

function writeResponse(answer: RawAnswer<void>): WriteResponse {
  return answer.type === 'error' ? { error: answer.message } : {};
}
