import { type Anomalies, nameOf } from './anomalies.js';
import type { Edge } from './dependencies.js';
import type { Txn } from './txn-facts.js';
import type { TxnRecord } from './txn-record.js';

/**
 * The timestamps must tell the same story as the lists: whoever comes after a commit began at or after
 * its timestamp, and whoever missed a commit began before it.
 */
export function checkTimestamps(
  txns: readonly Txn[],
  edges: readonly Edge[],
  anomalies: Anomalies,
): void {
  const starts = new Map<bigint, Txn>();
  for (const txn of txns) {
    const { startTs, commitTs } = txn.record;
    const twin = starts.get(startTs);
    if (twin !== undefined) {
      anomalies.add('timestamps', `two transactions began at ${startTs}`, [twin, txn]);
    }
    starts.set(startTs, txn);
    if (commitTs !== undefined && commitTs <= startTs) {
      anomalies.add('timestamps', `${nameOf(txn)} committed before it began`, [txn]);
    }
  }
  for (const edge of edges) {
    if (isKept(edge)) continue;
    const { from, to, kind } = edge;
    const message = `${nameOf(from)} is before ${nameOf(to)} (${kind}), its timestamps say otherwise`;
    anomalies.add(`timestamps ${kind}`, message, [from, to]);
  }
}

function isKept({ from: { record: from }, to: { record: to }, kind }: Edge): boolean {
  if (kind === 'rw') {
    const begin = readTs(from);
    return to.commitTs === undefined || begin === undefined || begin < to.commitTs;
  }
  const begin = readTs(to);
  if (begin === undefined) return true;
  // A commit whose timestamp is not known was later than its start. For `ww` this is more than order:
  // of two that overlap and write one key, the first to commit wins and the other must not.
  return from.commitTs === undefined ? from.startTs < begin : from.commitTs <= begin;
}

/** What a transaction saw was committed up to here; undefined: nobody knows. */
function readTs({ locking, startTs, commitTs }: TxnRecord): bigint | undefined {
  return locking === true ? commitTs : startTs;
}
