export const PEERS = ['etcd', 'redis'] as const;
export type Peer = (typeof PEERS)[number];

/** Rows against a cluster of etcd. */
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
  | 'gw-get-p1'
  | 'gw-get-p16'
  | 'gw-incr'
  | 'gw-incr-hot';

/** `raftlog` needs no server. */
export type RowName = EtcdRowName | RedisRowName | 'raftlog';

/** One comparison: the same work on ours and on the peer. */
export interface Row {
  readonly peer: Peer;
  /** What is compared: operations per second, or the median latency, of which less is better. */
  readonly measure: 'throughput' | 'latency';
  readonly clients: number;
  /** Operations that one client sends together. */
  readonly depth: number;
  readonly ours: string;
  readonly theirs: string;
}

const etcd = { peer: 'etcd', measure: 'throughput', depth: 1 } as const;
const redis = { peer: 'redis', measure: 'throughput', depth: 1, clients: 50 } as const;
const latency = { ...etcd, measure: 'latency', clients: 1 } as const;

const PUT = 'Put, unary gRPC';
const GATEWAY = 'the same, same connections';

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
  'gw-get-p1': { ...redis, ours: 'GET', theirs: GATEWAY },
  'gw-get-p16': { ...redis, depth: 16, ours: 'GET, pipelines of 16', theirs: GATEWAY },
  'gw-incr': { ...redis, ours: 'INCR of random keys', theirs: GATEWAY },
  'gw-incr-hot': { ...redis, ours: 'INCR of one key', theirs: GATEWAY },
  'gw-set-vs-etcd': { ...etcd, clients: 64, ours: 'SET through the gateway', theirs: PUT },
  raftlog: {
    ...etcd,
    clients: 1,
    depth: 64,
    ours: 'SegmentedRaftLog, 64 entries of 300 bytes an append',
    theirs: 'LevelRaftLog, in the same process',
  },
};

export function rowsOf(peer: Peer): readonly RowName[] {
  const names = Object.keys(ROWS) as RowName[];
  return names.filter((name) => ROWS[name].peer === peer);
}

/** The order to run rows in: the one that splits a Region comes last, the others are to run on one. */
export function inRunningOrder(names: readonly RowName[]): readonly RowName[] {
  const splits = (name: RowName): boolean => name === 'txn-2region-1';
  return [...names.filter((name) => !splits(name)), ...names.filter(splits)];
}

/** The rows that `text` names, in the order of the report, all without it; or what is wrong with it. */
export function chooseRows(
  peer: Peer,
  text: string | undefined,
): readonly RowName[] | { readonly problem: string } {
  const there = rowsOf(peer);
  if (text === undefined) return there;
  const wanted = text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const wrong = wanted.filter((name) => !(there as readonly string[]).includes(name));
  if (wanted.length > 0 && wrong.length === 0) {
    return there.filter((name) => wanted.includes(name));
  }
  const what = wrong.length === 0 ? 'no row is named' : `no such row: ${wrong.join(', ')}`;
  return { problem: `${what}; the rows against ${peer} are ${there.join(', ')}` };
}
