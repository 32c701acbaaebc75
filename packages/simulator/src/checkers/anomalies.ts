import { describeInterval, type Violation } from './history.js';
import type { TxnRecord } from './list-append.js';

/** A transaction as it is named in what a person reads. */
export interface NamedTxn {
  readonly record: TxnRecord;
  readonly node: number;
}

interface Found {
  readonly message: string;
  readonly history: readonly string[];
  count: number;
}

/** What is wrong with a history of transactions: of each kind the first case in full, the rest counted. */
export class Anomalies {
  readonly #byKind = new Map<string, Found>();

  add(kind: string, message: string, txns: readonly NamedTxn[]): void {
    const known = this.#byKind.get(kind);
    if (known !== undefined) known.count++;
    else
      this.#byKind.set(kind, { message, history: [...new Set(txns)].map(describeTxn), count: 1 });
  }

  violations(): Violation[] {
    return [...this.#byKind].map(([kind, { message, history, count }]) => ({
      oracle: 'list-append',
      message: `${kind}: ${message}${count > 1 ? ` (and ${count - 1} more)` : ''}`,
      history,
    }));
  }
}

export function nameOf({ node }: NamedTxn): string {
  return `T${node}`;
}

function describeTxn(txn: NamedTxn): string {
  const { record } = txn;
  const ops = record.ops.map((op) =>
    op.kind === 'append'
      ? `append ${op.key} ${op.value}`
      : `read ${op.key} [${op.values.join(' ')}]`,
  );
  const commit = record.commitTs === undefined ? '' : ` commit ${record.commitTs}`;
  const times = `start ${record.startTs}${commit}`;
  return `${nameOf(txn)} ${describeInterval(record)} ${record.outcome} ${times}: ${ops.join(', ')}`;
}
