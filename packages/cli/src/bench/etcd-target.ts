import type { Env } from '@tinykv/base';
import { startEtcd } from './etcd-cluster.js';
import {
  decodeRange,
  decodeReadTxn,
  decodeSucceeded,
  ETCD_PUT,
  ETCD_RANGE,
  ETCD_TXN,
  encodePut,
  encodeRange,
  encodeReadTxn,
  encodeWriteTxn,
} from './etcd-wire.js';
import {
  loadKeys,
  type Prepared,
  randomKey,
  randomKeyPair,
  randomValue,
  type Target,
  type Workload,
  type WorkOptions,
} from './workload.js';

const TIMEOUT_MS = 10_000;

/** Three members of etcd, started for the comparison and removed with it. */
export async function openEtcd(env: Env, portBase: number): Promise<Target> {
  const cluster = await startEtcd(env.net, portBase);
  let turn = 0;
  const call = (method: string, request: Uint8Array): Promise<Uint8Array> => {
    const address = cluster.addresses[turn++ % cluster.addresses.length]!;
    return env.net.call(address, method, request, { timeoutMs: TIMEOUT_MS });
  };
  return {
    name: 'etcd',
    prepare: (workload, options) => prepare(call, workload, options),
    fsyncs: () => countFsyncs(cluster.addresses),
    close: () => cluster.stop(),
  };
}

type Call = (method: string, request: Uint8Array) => Promise<Uint8Array>;

async function prepare(call: Call, workload: Workload, options: WorkOptions): Promise<Prepared> {
  const value = randomValue(options);
  const put = async (key: Uint8Array): Promise<void> => {
    await call(ETCD_PUT, encodePut(key, value));
  };
  const close = (): Promise<void> => Promise.resolve();
  switch (workload) {
    case 'raw-get':
    case 'gw-get':
      await loadKeys(options, put);
      return { operation: () => getOne(call, options), close };
    case 'txn':
      return { operation: () => transact(call, options, value), close };
    case 'raw-put':
    case 'gw-set':
      return { operation: () => put(randomKey(options)), close };
  }
}

async function getOne(call: Call, options: WorkOptions): Promise<void> {
  const answer = await call(ETCD_RANGE, encodeRange(randomKey(options)));
  if (decodeRange(answer) === undefined) throw new Error('lost a key');
}

/** Reads two keys at one revision and writes both if neither has changed; again while it loses. */
async function transact(call: Call, options: WorkOptions, value: Uint8Array): Promise<void> {
  for (;;) {
    const keys = randomKeyPair(options);
    const found = decodeReadTxn(await call(ETCD_TXN, encodeReadTxn(keys)));
    const writes = keys.map((key, i) => ({ key, value, modRevision: found[i]?.modRevision ?? 0 }));
    if (decodeSucceeded(await call(ETCD_TXN, encodeWriteTxn(writes)))) return;
  }
}

async function countFsyncs(addresses: readonly string[]): Promise<number | undefined> {
  let total = 0;
  for (const address of addresses) {
    const text = await (await fetch(`http://${address}/metrics`)).text();
    const line = /^etcd_disk_wal_fsync_duration_seconds_count (\d+)/m.exec(text);
    if (line === null) return undefined;
    total += Number(line[1]);
  }
  return total;
}
