import { type Caller, KvError, TS_ZERO } from '@tinykv/base';

import type { KeyError, KeyGroups } from '@tinykv/model';
import {
  type Init,
  keyErrorToWire,
  kvrpcpb,
  lockToWire,
  PairListWriter,
  tinykvpb,
  tinykvtxn,
} from '@tinykv/proto';

import {
  AnswerTooLargeError,
  type GetAnswer,
  type Mutation,
  type PrewriteAnswer,
  type TxnContext,
  type TxnExecutor,
  type TxnStatus,
} from '@tinykv/txn';
import { EncodedAnswer } from './encoded-answer.js';
import { contextOf } from './txn-wire.js';
import { respond, type UnaryTable } from './unary.js';

const { kvCheckSecondaryLocks } = tinykvtxn.Txn;
const { kvBatchRollback, kvCheckTxnStatus, kvCommit, kvGet, kvPrewrite, kvResolveLock, kvScan } =
  tinykvpb.TinyKv;

/** The transactional API: errors of keys are KeyErrors in the response. */
export function serveTxn(table: UnaryTable, txn: TxnExecutor): void {
  table.serve(kvGet, (q, caller) =>
    respond(txn.reads.get(contextOf(q, caller), q.key, q.version), getResponse),
  );
  table.serve(kvScan, (q, caller) => scan(txn, q, caller));
  table.serve(kvPrewrite, (q, caller) => prewrite(txn, q, caller));
  table.serve(kvCommit, (q, caller) => {
    const { keys, startVersion: startTs, commitVersion: commitTs } = q;
    const context = contextOf(q, caller);
    const answer = txn.writes.commit(context, { keys, startTs, commitTs });
    return respond(answer, errorResponse, refusalFor(context));
  });
  table.serve(kvBatchRollback, (q, caller) => {
    const { keys, startVersion: startTs } = q;
    const context = contextOf(q, caller);
    const answer = txn.writes.batchRollback(context, { keys, startTs });
    return respond(answer, errorResponse, refusalFor(context));
  });
  table.serve(kvCheckTxnStatus, (q, caller) => {
    const { primaryKey: primary, lockTs: startTs, currentTs, callerStartTs } = q;
    const { forceSyncCommit, resolvingPessimisticLock, leaveMissingPrimary } = q;
    const mode = { callerStartTs, forceSyncCommit, resolvingPessimisticLock, leaveMissingPrimary };
    const request = { primary, startTs, currentTs, ...mode };
    return respond(txn.writes.checkTxnStatus(contextOf(q, caller), request), statusResponse);
  });
  table.serve(kvCheckSecondaryLocks, (q, caller) => {
    const { keys, startVersion: startTs } = q;
    return respond(
      txn.writes.checkSecondaryLocks(contextOf(q, caller), { keys, startTs }),
      ({ locks, commitTs }) => ({ locks: locks.map(lockToWire), commitTs }),
    );
  });
  table.serve(kvResolveLock, (q, caller) => {
    const { startVersion: startTs, commitVersion: commitTs, keys } = q;
    const context = contextOf(q, caller);
    const answer = txn.writes.resolveLock(context, { startTs, commitTs }, keys);
    return respond(answer, errorResponse, refusalFor(context));
  });
}

/** Throws KvError INVALID_ARGUMENT. */
function groupsOf({ groups, reverse }: kvrpcpb.ScanRequest): KeyGroups | undefined {
  if (groups !== undefined && reverse) {
    throw new KvError('INVALID_ARGUMENT', 'a scan downwards looks for no groups of keys');
  }
  return groups;
}

async function scan(
  txn: TxnExecutor,
  q: kvrpcpb.ScanRequest,
  caller: Caller,
): Promise<Init<kvrpcpb.ScanResponse> | EncodedAnswer<kvrpcpb.ScanResponse>> {
  const { startKey, endKey, limit, version: ts, reverse, keyOnly } = q;
  const { valueBytesMax, answerBytesMax } = q;
  const context = contextOf(q, caller);
  const range = { startKey, endKey, limit, ts, reverse, keyOnly };
  const pairs = new EncodedAnswer<kvrpcpb.ScanResponse>(PairListWriter.ofScan());
  try {
    const request = { ...range, valueBytesMax, answerBytesMax, groups: groupsOf(q) };
    return await respond(txn.reads.scanInto(context, request, pairs), (end) => {
      if (typeof end === 'object') return scanFailure(end, context);
      if (end === 'bytes') pairs.endEarly();
      return pairs;
    });
  } catch (error) {
    if (context.strict || !(error instanceof AnswerTooLargeError)) throw error;
    return scanFailure({ type: 'abort', message: error.message }, context);
  }
}

async function prewrite(
  txn: TxnExecutor,
  q: kvrpcpb.PrewriteRequest,
  caller: Caller,
): Promise<Init<kvrpcpb.PrewriteResponse>> {
  const mutations: Mutation[] = [];
  const { primaryLock: primary, startVersion: startTs, lockTtl: ttlMs } = q;
  for (const wire of q.mutations) {
    const mutation = mutationFromWire(wire);
    if (mutation === undefined) {
      return { errors: [{ abort: `mutation ${wire.op} cannot be prewritten` }] };
    }
    mutations.push(mutation);
  }
  const { tryOnePc, minCommitTs, forUpdateTs } = q;
  const asyncCommit = q.useAsyncCommit ? { secondaries: q.secondaries } : undefined;
  const txnOf = { primary, startTs, ttlMs, tryOnePc, minCommitTs, forUpdateTs, asyncCommit };
  const request = { mutations, ...txnOf };
  const context = contextOf(q, caller);
  const refuse = (abort: string): Init<kvrpcpb.PrewriteResponse> => ({ errors: [{ abort }] });
  return respond(
    txn.writes.prewrite(context, request),
    prewriteResponse,
    context.strict ? undefined : refuse,
  );
}

function prewriteResponse(answer: PrewriteAnswer): Init<kvrpcpb.PrewriteResponse> {
  return {
    errors: answer.errors.map(keyErrorToWire),
    onePcCommitTs: answer.onePcCommitTs ?? TS_ZERO,
    minCommitTs: answer.minCommitTs ?? TS_ZERO,
  };
}

/** Undefined for operations that no prewrite may carry. */
function mutationFromWire(wire: kvrpcpb.Mutation): Mutation | undefined {
  const { op, key, value } = wire;
  const held = { isLocked: wire.isPessimisticLock, lockedAt: wire.lockedForUpdateTs };
  switch (op) {
    case kvrpcpb.Op.Put:
      return { kind: 'put', key, value, ...held };
    case kvrpcpb.Op.Del:
      return { kind: 'delete', key, ...held };
    case kvrpcpb.Op.Lock:
      return { kind: 'lock', key, ...held };
    default:
      return undefined;
  }
}

function getResponse(answer: GetAnswer): Init<kvrpcpb.GetResponse> {
  switch (answer.type) {
    case 'value':
      return { value: answer.value };
    case 'not-found':
      return { notFound: true };
    case 'key-error':
      return { error: keyErrorToWire(answer.error) };
  }
}

/**
 * Why nothing was read. A client of TinyKV does not know the field of the error, and would take no pairs for the
 * end of the Region. It gives up at a pair whose error is no lock; after a Region error, or a call that failed, it
 * would ask the same again until its time is over.
 */
function scanFailure(error: KeyError, { strict }: TxnContext): Init<kvrpcpb.ScanResponse> {
  const wire = keyErrorToWire(error);
  return strict ? { error: wire } : { pairs: [{ error: wire }] };
}

/** CommitResponse, BatchRollbackResponse and ResolveLockResponse are alike. */
function errorResponse(error: KeyError | undefined): Init<kvrpcpb.CommitResponse> {
  return error === undefined ? {} : { error: keyErrorToWire(error) };
}

function refusalFor({
  strict,
}: TxnContext): ((abort: string) => Init<kvrpcpb.CommitResponse>) | undefined {
  return strict ? undefined : (abort) => ({ error: { abort } });
}

const ACTIONS: Readonly<Record<TxnStatus['action'], kvrpcpb.Action>> = {
  none: kvrpcpb.Action.NoAction,
  'ttl-expire-rollback': kvrpcpb.Action.TTLExpireRollback,
  'lock-not-exist-rollback': kvrpcpb.Action.LockNotExistRollback,
  'ttl-expire-pessimistic-rollback': kvrpcpb.Action.TTLExpirePessimisticRollback,
  'lock-not-exist-do-nothing': kvrpcpb.Action.LockNotExistDoNothing,
  'min-commit-ts-pushed': kvrpcpb.Action.MinCommitTsPushed,
};

function statusResponse(status: TxnStatus): Init<kvrpcpb.CheckTxnStatusResponse> {
  return {
    lockTtl: status.lockTtlMs,
    commitVersion: status.commitTs,
    action: ACTIONS[status.action],
    lockInfo: status.lock && lockToWire(status.lock),
    error: status.error && keyErrorToWire(status.error),
  };
}
