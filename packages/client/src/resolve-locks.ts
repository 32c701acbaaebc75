import { KvError, physicalMs, type Timestamp } from '@tinykv/base';
import { describeKeyError, type LockInfo } from '@tinykv/model';
import { keyErrorFromWire, type kvrpcpb, tinykvpb } from '@tinykv/proto';
import { Operation } from './operation.js';
import type { Router } from './router.js';

const rpc = tinykvpb.TinyKv;

/** Ends a transaction on keys that it may lock. Throws as the router does, and KvError INTERNAL when that cannot be. */
export function resolveKeys(
  router: Router,
  keys: readonly Uint8Array[],
  startVersion: Timestamp,
  commitVersion: Timestamp,
  operation: Operation,
): Promise<void> {
  return router.sendGrouped(
    keys,
    (key) => key,
    (part) => [part],
    async (region, some, forked) => {
      const response = await router.sendToRegion(
        region,
        rpc.kvResolveLock,
        (context) => ({ context, startVersion, commitVersion, keys: some }),
        forked,
      );
      checkResolved(startVersion, response?.error);
      return response !== undefined;
    },
    part(operation),
  );
}

/** All that the transaction locks in the Region of the key. */
export async function resolveRegion(
  router: Router,
  { key, startTs }: LockInfo,
  commitVersion: Timestamp,
  operation: Operation,
): Promise<void> {
  const { error } = await router.send(
    key,
    rpc.kvResolveLock,
    (context) => ({ context, startVersion: startTs, commitVersion }),
    part(operation),
  );
  checkResolved(startTs, error);
}

function checkResolved(startTs: Timestamp, error: kvrpcpb.KeyError | undefined): void {
  if (error === undefined) return;
  const reason = describeKeyError(keyErrorFromWire(error));
  throw new KvError('INTERNAL', `cannot resolve the locks of ${startTs}: ${reason}`);
}

/** Milliseconds until the last of these locks of one transaction has expired; not positive: all have. */
export function locksLiveFor(locks: readonly LockInfo[], currentTs: Timestamp): number {
  const ttlMs = Math.max(...locks.map((lock) => lock.ttlMs));
  return physicalMs(locks[0]!.startTs) + ttlMs - physicalMs(currentTs);
}

/** Asking about or resolving another's transaction may be repeated, whatever the caller is doing. */
export function part(operation: Operation): Operation {
  return new Operation('repeatable', operation.backoff.fork());
}
