import { type Anomalies, type NamedTxn, nameOf } from './anomalies.js';
import type { TxnRecord } from './txn-record.js';

/** What one transaction tells about the lists. */
export interface Txn extends NamedTxn {
  /** By key: the list as others had made it, without what the transaction itself appended. */
  readonly reads: ReadonlyMap<string, readonly number[]>;
  /** By key, in order. */
  readonly appends: ReadonlyMap<string, readonly number[]>;
}

/**
 * Parts what a transaction read of others from what it had appended itself, and looks at whether the two
 * fit: it sees its own appends, at the end, and each key as it was when it began.
 */
export function readTxn(record: TxnRecord, node: number, anomalies: Anomalies): Txn {
  const reads = new Map<string, readonly number[]>();
  const appends = new Map<string, number[]>();
  const txn: Txn = { record, node, reads, appends };
  for (const op of record.ops) {
    const own = appends.get(op.key) ?? [];
    if (op.kind === 'append') {
      own.push(op.value);
      appends.set(op.key, own);
      continue;
    }
    const cut = op.values.length - own.length;
    const others = op.values.slice(0, Math.max(0, cut));
    if (!equal(op.values.slice(Math.max(0, cut)), own)) {
      anomalies.add('internal', `${nameOf(txn)} does not see its own append to ${op.key}`, [txn]);
      continue;
    }
    const before = reads.get(op.key);
    if (before === undefined) reads.set(op.key, others);
    else if (!equal(before, others)) {
      anomalies.add('internal', `${nameOf(txn)} reads ${op.key} twice and differently`, [txn]);
    }
  }
  return txn;
}

function equal(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}
