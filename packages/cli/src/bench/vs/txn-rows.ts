import { TXN_MODES, type TxnMode, type TxnShape } from '../txn-work.js';
import type { Row } from './row.js';

const CLIENTS = [1, 16, 64, 256] as const;
const CONFLICTS = { '': 0, '-c10': 10, '-c50': 50 } as const;

/** Of each way to commit a row for each number of clients and each rate of conflicts. */
export type TxnRowName = `txn-${TxnMode}-${(typeof CLIENTS)[number]}${keyof typeof CONFLICTS}`;

export interface TxnRow extends Row {
  readonly txn: TxnShape;
}

const WAYS: Readonly<Record<TxnMode, { readonly regions: 1 | 2; readonly way: string }>> = {
  '1pc': { regions: 1, way: 'of one Region, in one phase' },
  async: { regions: 2, way: 'of two Regions, committed asynchronously' },
  '2pc': { regions: 2, way: 'of two Regions, in two phases' },
};

const suffixes = Object.keys(CONFLICTS) as (keyof typeof CONFLICTS)[];

/** In the order of the report. Whatever waits for others when it is alone is compared by its latency. */
export const TXN_ROWS: Readonly<Record<TxnRowName, TxnRow>> = Object.fromEntries(
  TXN_MODES.flatMap((mode) =>
    suffixes.flatMap((suffix) =>
      CLIENTS.map((clients) => [`txn-${mode}-${clients}${suffix}`, rowOf(mode, clients, suffix)]),
    ),
  ),
) as Record<TxnRowName, TxnRow>;

function rowOf(mode: TxnMode, clients: number, suffix: keyof typeof CONFLICTS): TxnRow {
  const { regions, way } = WAYS[mode];
  const conflict = CONFLICTS[suffix];
  const shared = conflict === 0 ? '' : `; ${conflict} % use one shared key`;
  return {
    peer: 'etcd',
    measure: clients === 1 ? 'latency' : 'throughput',
    clients,
    depth: 1,
    ours: `transaction that reads and writes two keys ${way}${shared}`,
    theirs: 'Txn that reads two keys, then Txn that puts both if they are unchanged',
    txn: { mode, conflict, regions },
  };
}

export function isTxnRow(name: string): name is TxnRowName {
  return Object.hasOwn(TXN_ROWS, name);
}
