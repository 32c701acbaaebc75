import type { Peer, Row } from './row.js';
import { SCAN_ROWS, type ScanRowName } from './scan-rows.js';
import { isTxnRow, TXN_ROWS, type TxnRowName } from './txn-rows.js';

/** Rows against a cluster of etcd, but those of {@link SCAN_ROWS} and {@link TXN_ROWS}. */
export type EtcdRowName =
  | 'raw-put-256'
  | 'raw-put-256-unary'
  | 'raw-put-1'
  | 'get-256'
  | 'get-1'
  | 'txn-64'
  | 'txn-2region-1'
  | 'gw-set-vs-etcd';

/** Rows against a redis-server. */
export type RedisRowName =
  | 'gw-set-p1'
  | 'gw-set-p16'
  | 'gw-setex-p1'
  | 'gw-set-open'
  | 'gw-get-p1'
  | 'gw-get-p16'
  | 'gw-incr'
  | 'gw-incr-hot';

/** Rows against a redis-server with two replicas. */
export type ReplicatedRowName = 'gw-set-wait-50' | 'gw-set-wait-1';

/** `raftlog` needs no server. */
export type RowName =
  | EtcdRowName
  | ScanRowName
  | TxnRowName
  | RedisRowName
  | ReplicatedRowName
  | 'raftlog';

const etcd = { peer: 'etcd', measure: 'throughput', depth: 1 } as const;
const redis = { peer: 'redis', measure: 'throughput', depth: 1, clients: 50 } as const;
const replicated = { peer: 'redis-replicated', depth: 1, ours: 'SET' } as const;
const latency = { ...etcd, measure: 'latency', clients: 1 } as const;

const PUT = 'Put, unary gRPC';
const GATEWAY = 'the same, same connections';
const WAIT = 'SET and WAIT 2 0 in one write, to the primary';

/** In the order of the report. */
export const ROWS: Readonly<Record<RowName, Row>> = {
  'raw-put-256': { ...etcd, clients: 256, ours: 'raw put, stream client', theirs: PUT },
  'raw-put-256-unary': { ...etcd, clients: 256, ours: 'RawPut, unary gRPC', theirs: PUT },
  'raw-put-1': { ...latency, ours: 'raw put, stream client', theirs: PUT },
  'get-256': {
    ...etcd,
    clients: 256,
    ours: 'raw get, stream client',
    theirs: 'linearizable Range, unary gRPC',
  },
  'get-1': {
    ...latency,
    ours: 'RawGet, unary gRPC',
    theirs: 'linearizable Range, unary gRPC',
  },
  'txn-64': {
    ...etcd,
    clients: 64,
    ours: 'transaction that reads and writes one key',
    theirs: 'Range, then Txn that puts if the key is unchanged',
  },
  'txn-2region-1': {
    ...latency,
    ours: 'transaction that writes a key in each of two Regions',
    theirs: 'Txn that puts two keys',
  },
  'gw-set-p1': { ...redis, ours: 'SET', theirs: GATEWAY },
  'gw-set-p16': { ...redis, depth: 16, ours: 'SET, pipelines of 16', theirs: GATEWAY },
  'gw-setex-p1': { ...redis, ours: 'SETEX of an hour', theirs: GATEWAY },
  'gw-set-open': {
    ...redis,
    measure: 'latency',
    clients: 64,
    rate: 1_000,
    ours: 'SET, 1,000 a second at their times',
    theirs: GATEWAY,
  },
  'gw-get-p1': { ...redis, ours: 'GET', theirs: GATEWAY },
  'gw-get-p16': { ...redis, depth: 16, ours: 'GET, pipelines of 16', theirs: GATEWAY },
  'gw-incr': { ...redis, ours: 'INCR of random keys', theirs: GATEWAY },
  'gw-incr-hot': { ...redis, ours: 'INCR of one key', theirs: GATEWAY },
  'gw-set-wait-50': { ...replicated, measure: 'throughput', clients: 50, theirs: WAIT },
  'gw-set-wait-1': { ...replicated, measure: 'latency', clients: 1, theirs: WAIT },
  'gw-set-vs-etcd': { ...etcd, clients: 64, ours: 'SET through the gateway', theirs: PUT },
  ...SCAN_ROWS,
  raftlog: {
    ...etcd,
    clients: 1,
    depth: 64,
    ours: 'SegmentedRaftLog, 64 entries of 300 bytes an append',
    theirs: 'LevelRaftLog, in the same process',
  },
  ...TXN_ROWS,
};

export function rowsOf(peer: Peer): readonly RowName[] {
  const names = Object.keys(ROWS) as RowName[];
  return names.filter((name) => ROWS[name].peer === peer);
}

/** Those that run without being named: the many rows of transactions do not. */
export function usualRowsOf(peer: Peer): readonly RowName[] {
  return rowsOf(peer).filter((name) => !isTxnRow(name));
}

/** The order to run rows in: those that split a Region come last, the others are to run on one. */
export function inRunningOrder(names: readonly RowName[]): readonly RowName[] {
  const splits = (name: RowName): boolean =>
    isTxnRow(name) ? TXN_ROWS[name].txn.regions === 2 : name === 'txn-2region-1';
  return [...names.filter((name) => !splits(name)), ...names.filter(splits)];
}

/**
 * The rows that `text` names, a `*` standing for anything, in the order of the report, the usual ones without it;
 * or what is wrong with it.
 */
export function chooseRows(
  peer: Peer,
  text: string | undefined,
): readonly RowName[] | { readonly problem: string } {
  if (text === undefined) return usualRowsOf(peer);
  const there = rowsOf(peer);
  const wanted = text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const wrong = wanted.filter((pattern) => !there.some((name) => isNamed(name, pattern)));
  if (wanted.length > 0 && wrong.length === 0) {
    return there.filter((name) => wanted.some((pattern) => isNamed(name, pattern)));
  }
  const what = wrong.length === 0 ? 'no row is named' : `no such row: ${wrong.join(', ')}`;
  return { problem: `${what}; the rows against ${peer} are ${there.join(', ')}` };
}

function isNamed(name: RowName, pattern: string): boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[^\w-]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(name);
}
