import { type Timestamp, TS_ZERO } from '@tinykv/base';
import type { TxnKeyFacts } from './key-view.js';
import { isReplay } from './prewrite.js';

/** How a transaction is committed that is being prewritten once more. */
export interface FormerCommit {
  readonly commitTs: Timestamp;
  /** On every key of the request; false: some of them are still locked. */
  readonly isWhole: boolean;
}

/**
 * Whether an earlier copy of a prewrite has been followed by the commit (TiKV's `check_committed_record_on_err`): then
 * every key is committed, all at one timestamp, or has its prewritten lock. Undefined: the transaction is not
 * committed on any of these keys, or not as a client of this API commits.
 */
export function formerCommit(
  facts: readonly TxnKeyFacts[],
  startTs: Timestamp,
): FormerCommit | undefined {
  let commitTs = TS_ZERO;
  let isWhole = true;
  for (const fact of facts) {
    const { outcome } = fact;
    if (outcome.type === 'commit') {
      const other = outcome.write.commitTs;
      if (commitTs !== TS_ZERO && commitTs !== other) return undefined;
      commitTs = other;
    } else if (isReplay(fact, { startTs })) isWhole = false;
    else return undefined;
  }
  return commitTs === TS_ZERO ? undefined : { commitTs, isWhole };
}
