import { type Caller, KvError, limits } from '@tinykv/base';
import { contextFromWire, type Init, keyErrorToWire, type kvrpcpb, tinykvext } from '@tinykv/proto';
import type { ScanPair, TxnContext } from '@tinykv/txn';

const { ReadCommitted } = tinykvext.IsolationLevel;

/** Every request of the transactional API has a context. */
export function contextOf(
  { context }: { readonly context: kvrpcpb.Context | undefined },
  caller: Caller,
): TxnContext {
  const { strict = false, isolation, resolvedLocks = [] } = context ?? {};
  if (resolvedLocks.length > limits.resolvedLocksMax) {
    const text = `${resolvedLocks.length} resolved locks: the most is ${limits.resolvedLocksMax}`;
    throw new KvError('INVALID_ARGUMENT', text);
  }
  return {
    ...contextFromWire(context),
    caller,
    strict,
    isolation: isolation === ReadCommitted ? 'read-committed' : 'snapshot',
    resolvedLocks:
      resolvedLocks.length === 0 ? undefined : new Set(resolvedLocks.map(({ startTs }) => startTs)),
  };
}

/** A locked key has its error instead of a value. */
export function pairToWire(pair: ScanPair): Init<kvrpcpb.KvPair> {
  return pair.type === 'value'
    ? { key: pair.key, value: pair.value }
    : { key: pair.key, error: keyErrorToWire(pair.error) };
}
