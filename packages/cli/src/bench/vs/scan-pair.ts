import { EMPTY_BYTES, nextKey, prefixEnd, utf8 } from '@tinykv/base';
import { Client } from '@tinykv/client';
import { createEnv } from '@tinykv/env-real';
import type { Operation } from '../driver.js';
import { randomValue } from '../workload.js';
import { EtcdClient } from './etcd-client.js';
import type { EtcdCluster } from './etcd-cluster.js';
import { ourServers, unknownFsyncs } from './gateway-work.js';
import type { OurCluster } from './our-cluster.js';
import {
  SCAN_PAIRS,
  SCAN_ROWS,
  SCAN_VALUE_BYTES,
  type ScanRow,
  type ScanRowName,
} from './scan-rows.js';
import { openBoth, orClose, type Pair, type Side } from './side.js';

/** Keys of their own: rows of other kinds leave theirs. */
const PREFIX = utf8('scan/');
const END = prefixEnd(PREFIX);
const KEY_DIGITS = 10;
/** etcd takes 128 operations in a transaction. */
const LOAD_BATCH = 128;

/** A scan of all of so many pairs on both systems. */
export function openScanPair(
  name: ScanRowName,
  ours: OurCluster,
  etcd: EtcdCluster,
): Promise<Pair> {
  const row = SCAN_ROWS[name];
  return openBoth(
    () => ourSide(row, ours),
    () => etcdSide(row, etcd),
  );
}

function scanKey(number: number): Uint8Array {
  return utf8(`scan/${String(number).padStart(KEY_DIGITS, '0')}`);
}

/** All pairs in batches, unless an earlier row has left them. */
async function load(
  last: Uint8Array | undefined,
  put: (keys: readonly Uint8Array[]) => Promise<unknown>,
): Promise<void> {
  if (last !== undefined) return;
  for (let from = 0; from < SCAN_PAIRS; from += LOAD_BATCH) {
    const count = Math.min(LOAD_BATCH, SCAN_PAIRS - from);
    await put(Array.from({ length: count }, (_, i) => scanKey(from + i)));
  }
}

async function ourSide({ keyOnly, reverse }: ScanRow, ours: OurCluster): Promise<Side> {
  const env = createEnv({ name: 'tinykv', logLevel: 'error' });
  const { scheduler } = ours;
  const client = await Client.connect(env, { scheduler, onClose: () => env.close() });
  const close = (): Promise<void> => client.close();
  const value = randomValue({ keys: SCAN_PAIRS, valueBytes: SCAN_VALUE_BYTES });
  await orClose(close, async () => {
    const snapshot = await client.snapshot();
    await load(await snapshot.get(scanKey(SCAN_PAIRS - 1)), (keys) =>
      client.txn.run((txn) => {
        for (const key of keys) txn.put(key, value);
        return Promise.resolve();
      }),
    );
  });
  const operation: Operation = async () => {
    const snapshot = await client.snapshot();
    const check = new ScanCheck(keyOnly);
    for await (const pair of snapshot.scan(PREFIX, { end: END, keyOnly, reverse })) check.add(pair);
    check.finish();
  };
  return { ...ourServers(ours), operation, close };
}

async function etcdSide(row: ScanRow, etcd: EtcdCluster): Promise<Side> {
  const client = new EtcdClient(await etcd.leader());
  const close = (): Promise<void> => client.close();
  const value = randomValue({ keys: SCAN_PAIRS, valueBytes: SCAN_VALUE_BYTES });
  await orClose(close, async () =>
    load((await client.get(scanKey(SCAN_PAIRS - 1)))?.value, (keys) =>
      client.putTogether(keys, value),
    ),
  );
  const operation = (): Promise<void> => scanEtcd(client, row);
  return { system: 'etcd', servers: etcd.processes, fsyncs: unknownFsyncs, operation, close };
}

/** Page by page at the revision of the first. */
async function scanEtcd(client: EtcdClient, row: ScanRow): Promise<void> {
  const { keyOnly, reverse, etcdPagePairs: limit } = row;
  const check = new ScanCheck(keyOnly);
  let [start, end] = [PREFIX, END];
  for (let revision = 0; ; ) {
    const page = await client.range({ start, end, limit, revision, keyOnly, reverse });
    for (const pair of page.pairs) check.add(pair);
    const last = page.pairs.at(-1)?.key;
    if (!page.more || last === undefined) break;
    revision = page.revision;
    if (reverse) end = last;
    else start = nextKey(last);
  }
  check.finish();
}

/** A scan that misses pairs or values must not count as a fast one. */
class ScanCheck {
  readonly #valueBytes: number;
  #pairs = 0;
  #last: Uint8Array = EMPTY_BYTES;

  constructor(keyOnly: boolean) {
    this.#valueBytes = keyOnly ? 0 : SCAN_VALUE_BYTES;
  }

  add({ key, value }: { readonly key: Uint8Array; readonly value: Uint8Array }): void {
    if (value.length !== this.#valueBytes) throw new Error(`value of ${value.length} bytes`);
    this.#pairs += 1;
    this.#last = key;
  }

  finish(): void {
    if (this.#pairs === SCAN_PAIRS && this.#last.length === PREFIX.length + KEY_DIGITS) return;
    throw new Error(`${this.#pairs} pairs of ${SCAN_PAIRS}`);
  }
}
