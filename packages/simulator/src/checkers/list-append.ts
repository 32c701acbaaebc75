import { Anomalies } from './anomalies.js';
import { findCycles } from './cycles.js';
import { dependencies } from './dependencies.js';
import type { Verdict } from './history.js';
import { readTxn } from './txn-facts.js';
import type { TxnRecord } from './txn-record.js';
import { checkTimestamps } from './txn-timestamps.js';
import { Versions } from './versions.js';

/**
 * Judges transactions by what they read of lists (in the manner of Elle): a list shows the order in
 * which its values were appended, so reads show who came after whom. Strict snapshot isolation must
 * hold: whoever begins after another has returned sees it. Reads of transactions that failed are judged
 * like all others: a snapshot is a snapshot whatever becomes of its writes.
 */
export function checkListAppend(history: readonly TxnRecord[]): Verdict {
  const anomalies = new Anomalies();
  const txns = history.map((record, node) => readTxn(record, node, anomalies));
  const versions = new Versions(txns, anomalies);
  versions.check();
  const edges = dependencies(txns, versions);
  findCycles(txns, edges, anomalies);
  checkTimestamps(txns, edges, anomalies);
  return { violations: anomalies.violations(), checked: history.length, gaveUp: [] };
}
