import { Client } from '@tinykv/client';
import { createEnv } from '@tinykv/env-real';
import type { Operation } from '../driver.js';
import { keysOfTwoRegions, loadTransactions } from '../region-keys.js';
import { type KeySpace, loadKeys, randomKey, randomKeyPair, randomValue } from '../workload.js';
import { EtcdClient } from './etcd-client.js';
import type { EtcdCluster } from './etcd-cluster.js';
import { openGatewaySet, ourServers, unknownFsyncs } from './gateway-work.js';
import type { OurCluster } from './our-cluster.js';
import { type EtcdRowName, ROWS } from './rows.js';
import { openBoth, orClose, type Pair, type Side } from './side.js';
import { StoreLink } from './store-link.js';

export function openEtcdPair(
  name: EtcdRowName,
  ours: OurCluster,
  etcd: EtcdCluster,
  space: KeySpace,
): Promise<Pair> {
  return openBoth(
    () => ourSide(name, ours, space),
    () => etcdSide(name, etcd, space),
  );
}

function ourSide(name: EtcdRowName, ours: OurCluster, space: KeySpace): Promise<Side> {
  switch (name) {
    case 'raw-put-256-unary':
    case 'get-1':
      return unarySide(name, ours, space);
    case 'gw-set-vs-etcd':
      return openGatewaySet(ours, ROWS[name].clients, space);
    default:
      return clientSide(name, ours, space);
  }
}

type UnaryRow = 'raw-put-256-unary' | 'get-1';

async function unarySide(name: UnaryRow, ours: OurCluster, space: KeySpace): Promise<Side> {
  const link = await StoreLink.connect(ours.scheduler);
  const close = (): Promise<void> => link.close();
  const operation = await orClose(close, () => unaryOperation(name, link, space));
  return { ...ourServers(ours), operation, close };
}

async function unaryOperation(
  name: UnaryRow,
  link: StoreLink,
  space: KeySpace,
): Promise<Operation> {
  const value = randomValue(space);
  if (name === 'raw-put-256-unary') return () => link.put(randomKey(space), value);
  await loadKeys(space, (key) => link.put(key, value));
  return async () => void mustBeThere(await link.get(randomKey(space)));
}

type ClientRow = Exclude<EtcdRowName, UnaryRow | 'gw-set-vs-etcd'>;

async function clientSide(name: ClientRow, ours: OurCluster, space: KeySpace): Promise<Side> {
  const env = createEnv({ name: 'tinykv', logLevel: 'error' });
  const { scheduler } = ours;
  const client = await Client.connect(env, { scheduler, onClose: () => env.close() });
  const close = (): Promise<void> => client.close();
  const operation = await orClose(close, () => clientOperation(name, client, space));
  return { ...ourServers(ours), operation, close };
}

async function clientOperation(
  name: ClientRow,
  client: Client,
  space: KeySpace,
): Promise<Operation> {
  const value = randomValue(space);
  switch (name) {
    case 'raw-put-256':
    case 'raw-put-1':
      return () => client.raw.put(randomKey(space), value);
    case 'get-256':
      await loadKeys(space, (key) => client.raw.put(key, value));
      return async () => void mustBeThere(await client.raw.get(randomKey(space)));
    case 'txn-64':
      await loadTransactions(client, space, value);
      return () =>
        client.txn.run(async (txn) => {
          const key = randomKey(space);
          mustBeThere(await txn.get(key));
          txn.put(key, value);
        });
    case 'txn-2region-1': {
      const { first, second } = await keysOfTwoRegions(client, space, value);
      return () =>
        client.txn.run((txn) => {
          for (const keys of [first, second]) txn.put(drawOne(keys), value);
          return Promise.resolve();
        });
    }
  }
}

async function etcdSide(name: EtcdRowName, etcd: EtcdCluster, space: KeySpace): Promise<Side> {
  const client = new EtcdClient(await etcd.leader());
  const close = (): Promise<void> => client.close();
  const operation = await orClose(close, () => etcdOperation(name, client, space));
  return { system: 'etcd', servers: etcd.processes, fsyncs: unknownFsyncs, operation, close };
}

async function etcdOperation(
  name: EtcdRowName,
  client: EtcdClient,
  space: KeySpace,
): Promise<Operation> {
  const value = randomValue(space);
  switch (name) {
    case 'get-256':
    case 'get-1':
      await loadKeys(space, (key) => client.put(key, value));
      return async () => void mustBeThere(await client.get(randomKey(space)));
    case 'txn-64':
      await loadKeys(space, (key) => client.put(key, value));
      return () => readThenWrite(client, space, value);
    case 'txn-2region-1':
      return () => client.putTogether(randomKeyPair(space), value);
    default:
      return () => client.put(randomKey(space), value);
  }
}

/** Again with a new key while another client was faster, as our transactions are run again. */
async function readThenWrite(
  client: EtcdClient,
  space: KeySpace,
  value: Uint8Array,
): Promise<void> {
  for (;;) {
    const key = randomKey(space);
    const { modRevision } = mustBeThere(await client.get(key));
    if (await client.putAllIf([{ key, modRevision }], value)) return;
  }
}

function drawOne(keys: readonly Uint8Array[]): Uint8Array {
  return keys[Math.floor(Math.random() * keys.length)]!;
}

function mustBeThere<T>(found: T | undefined): T {
  if (found === undefined) throw new Error('lost a key');
  return found;
}
