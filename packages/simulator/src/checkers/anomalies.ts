import { Findings } from './findings.js';
import { describeInterval, type Violation } from './history.js';
import type { TxnRecord } from './txn-record.js';

/** A transaction as it is named in what a person reads. */
export interface NamedTxn {
  readonly record: TxnRecord;
  readonly node: number;
}

/** What is wrong with a history of transactions, by kind of anomaly. */
export class Anomalies {
  readonly #findings = new Findings('list-append');

  add(kind: string, message: string, txns: readonly NamedTxn[]): void {
    this.#findings.add(kind, message, [...new Set(txns)].map(describeTxn));
  }

  violations(): Violation[] {
    return this.#findings.violations();
  }
}

export function nameOf({ node }: NamedTxn): string {
  return `T${node}`;
}

/** Of long lists the end is what matters. */
const VALUES_SHOWN_MAX = 8;

function describeTxn(txn: NamedTxn): string {
  const { record } = txn;
  const ops = record.ops.map((op) =>
    op.kind === 'append'
      ? `append ${op.key} ${op.value}`
      : `read ${op.key} [${shorten(op.values)}]`,
  );
  const commit = record.commitTs === undefined ? '' : ` commit ${record.commitTs}`;
  const times = `start ${record.startTs}${commit}`;
  return `${nameOf(txn)} ${describeInterval(record)} ${record.outcome} ${times}: ${ops.join(', ')}`;
}

function shorten(values: readonly number[]): string {
  const hidden = values.length - VALUES_SHOWN_MAX;
  return hidden <= 0 ? values.join(' ') : `(${hidden} more) ${values.slice(hidden).join(' ')}`;
}
