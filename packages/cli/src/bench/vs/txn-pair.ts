import { Client } from '@tinykv/client';
import { createEnv } from '@tinykv/env-real';
import type { Operation } from '../driver.js';
import { keysInHalves } from '../region-keys.js';
import { clientOptionsOf, prepareTxn, TxnKeys } from '../txn-work.js';
import { type KeySpace, loadKeys, randomValue } from '../workload.js';
import { EtcdClient } from './etcd-client.js';
import type { EtcdCluster } from './etcd-cluster.js';
import { ourServers, unknownFsyncs } from './gateway-work.js';
import type { OurCluster } from './our-cluster.js';
import { openBoth, orClose, type Pair, type Side } from './side.js';
import { TXN_ROWS, type TxnRow, type TxnRowName } from './txn-rows.js';

/** Transactions over two keys on both systems. */
export function openTxnPair(
  name: TxnRowName,
  ours: OurCluster,
  etcd: EtcdCluster,
  space: KeySpace,
): Promise<Pair> {
  const row = TXN_ROWS[name];
  return openBoth(
    () => ourSide(row, ours, space),
    () => etcdSide(row, etcd, space),
  );
}

async function ourSide({ txn, clients }: TxnRow, ours: OurCluster, space: KeySpace): Promise<Side> {
  const env = createEnv({ name: 'tinykv', logLevel: 'error' });
  const { scheduler } = ours;
  const options = { ...clientOptionsOf(txn), scheduler, onClose: () => env.close() };
  const client = await Client.connect(env, options);
  const close = (): Promise<void> => client.close();
  const operation = await orClose(close, () => prepareTxn(client, txn, { ...space, clients }));
  return { ...ourServers(ours), operation, close };
}

async function etcdSide(row: TxnRow, etcd: EtcdCluster, space: KeySpace): Promise<Side> {
  const client = new EtcdClient(await etcd.leader());
  const close = (): Promise<void> => client.close();
  const operation = await orClose(close, () => etcdOperation(client, row, space));
  return { system: 'etcd', servers: etcd.processes, fsyncs: unknownFsyncs, operation, close };
}

async function etcdOperation(
  client: EtcdClient,
  { txn: { conflict }, clients }: TxnRow,
  space: KeySpace,
): Promise<Operation> {
  const value = randomValue(space);
  await loadKeys(space, (key) => client.put(key, value));
  const keys = new TxnKeys(keysInHalves(space), conflict, clients);
  return async (number) => {
    const pair = keys.draw(number);
    for (;;) {
      const found = await client.getTogether(pair);
      if (found.length < pair.length) throw new Error('lost a key');
      const seen = pair.map((key, i) => ({ key, modRevision: found[i]!.modRevision }));
      if (await client.putAllIf(seen, value)) return;
    }
  };
}
