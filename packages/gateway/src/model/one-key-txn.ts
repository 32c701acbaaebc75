import { InvariantError } from '@tinykv/base';
import type { KvTxn } from '../kv-port.js';

/** Stands below a read whose one key is known already: any round trip would be a bug. */
export function snapshotOfOne(startTs: bigint): KvTxn {
  const never = (): never => {
    throw new InvariantError('a read of one known key asks the store for more');
  };
  return {
    startTs,
    get: never,
    batchGet: never,
    scan: never,
    put: never,
    delete: never,
    lockKey: never,
    commit: never,
    rollback: never,
  };
}
