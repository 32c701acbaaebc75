import { errorMessage } from '@tinykv/base';
import { UndeterminedError } from './errors.js';
import type { LockResolver } from './lock-resolver.js';
import type { Operation } from './operation.js';
import type { TxnStatus } from './txn-status.js';

/**
 * What became of a transaction of this client some of whose answers were lost, asked at its primary. Throws
 * {@link UndeterminedError} when that cannot be found out.
 */
export async function statusAtPrimary(
  resolver: LockResolver,
  txn: Parameters<LockResolver['checkOwn']>[0],
  operation: Operation,
): Promise<TxnStatus> {
  try {
    return await resolver.checkOwn(txn, operation);
  } catch (cause) {
    const text = `the outcome of the commit could not be found out: ${errorMessage(cause)}`;
    throw new UndeterminedError(text, { cause });
  }
}
