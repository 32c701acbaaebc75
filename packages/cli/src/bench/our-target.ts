import type { Env } from '@tinykv/base';
import { Client } from '@tinykv/client';
import { RespClient, RespError } from '../resp-client.js';
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

export interface OurAddresses {
  readonly scheduler: string;
  readonly gateway: string;
  /** Status pages of the stores, for their fsync counters. */
  readonly statusPages: readonly string[];
}

/** A running cluster of ours. */
export async function openOurs(env: Env, addresses: OurAddresses): Promise<Target> {
  const client = await Client.connect(env, { scheduler: addresses.scheduler });
  return {
    name: 'ours',
    prepare: (workload, options) =>
      workload === 'gw-set' || workload === 'gw-get'
        ? prepareResp(addresses.gateway, workload, options)
        : prepareClient(client, workload, options),
    fsyncs: () => countFsyncs(addresses.statusPages),
    close: () => client.close(),
  };
}

async function prepareClient(
  client: Client,
  workload: Workload,
  options: WorkOptions,
): Promise<Prepared> {
  const close = (): Promise<void> => Promise.resolve();
  const value = randomValue(options);
  switch (workload) {
    case 'raw-get':
      await loadKeys(options, (key) => client.raw.put(key, value));
      return {
        operation: async () => {
          if ((await client.raw.get(randomKey(options))) === undefined)
            throw new Error('lost a key');
        },
        close,
      };
    case 'txn':
      return {
        operation: () =>
          client.txn.run(async (txn) => {
            const [a, b] = randomKeyPair(options);
            await txn.batchGet([a, b]);
            txn.put(a, value);
            txn.put(b, value);
          }),
        close,
      };
    default:
      return { operation: () => client.raw.put(randomKey(options), value), close };
  }
}

/** SET or GET over RESP, a connection for each client; Redis is measured by the same code. */
export async function prepareResp(
  address: string,
  workload: Workload,
  options: WorkOptions,
): Promise<Prepared> {
  const connections = await Promise.all(
    Array.from({ length: options.clients }, () => RespClient.connect(address)),
  );
  const value = randomValue(options);
  const run = async (client: number, ...args: (string | Uint8Array)[]): Promise<void> => {
    const reply = await connections[client % connections.length]!.command(...args);
    if (reply instanceof RespError) throw new Error(reply.message);
    if (reply === null) throw new Error('lost a key');
  };
  if (workload === 'gw-get') {
    let turn = 0;
    await loadKeys(options, (key) => run(turn++, 'SET', key, value));
  }
  const operation =
    workload === 'gw-get'
      ? (client: number): Promise<void> => run(client, 'GET', randomKey(options))
      : (client: number): Promise<void> => run(client, 'SET', randomKey(options), value);
  return {
    operation,
    close: () => {
      for (const connection of connections) connection.close();
      return Promise.resolve();
    },
  };
}

async function countFsyncs(statusPages: readonly string[]): Promise<number | undefined> {
  let total = 0;
  for (const page of statusPages) {
    const text = await (await fetch(`http://${page}/metrics`)).text();
    const line = /^tinykv_raft_log_fsyncs (\d+)/m.exec(text);
    if (line === null) return undefined;
    total += Number(line[1]);
  }
  return statusPages.length === 0 ? undefined : total;
}
