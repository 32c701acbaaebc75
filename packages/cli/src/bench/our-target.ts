import type { Client } from '@tinykv/client';
import { RespClient, RespError } from '../resp-client.js';
import {
  type KeySpace,
  loadKeys,
  type Prepared,
  randomKey,
  randomValue,
  type SimpleWorkload,
} from './workload.js';

export interface TargetOptions extends KeySpace {
  readonly clients: number;
  /** host:port of the gateway. */
  readonly gateway: string;
}

/** Loads what the workload reads and opens its connections. */
export function prepareWorkload(
  client: Client,
  workload: SimpleWorkload,
  options: TargetOptions,
): Promise<Prepared> {
  return workload === 'gw-set' || workload === 'gw-get'
    ? prepareResp(workload, options)
    : prepareClient(client, workload, options);
}

async function prepareClient(
  client: Client,
  workload: 'raw-put' | 'raw-get',
  options: TargetOptions,
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
    case 'raw-put':
      return { operation: () => client.raw.put(randomKey(options), value), close };
  }
}

/** SET or GET over RESP, a connection for each client. */
async function prepareResp(
  workload: 'gw-set' | 'gw-get',
  options: TargetOptions,
): Promise<Prepared> {
  const connections = await Promise.all(
    Array.from({ length: options.clients }, () => RespClient.connect(options.gateway)),
  );
  const value = randomValue(options);
  const run = async (client: number, ...args: (string | Uint8Array)[]): Promise<void> => {
    const reply = await connections[client % connections.length]!.command(...args);
    if (reply instanceof RespError) throw new Error(reply.message);
    if (reply === null) throw new Error('lost a key');
  };
  const set = (client: number, key: Uint8Array): Promise<void> => run(client, 'SET', key, value);
  if (workload === 'gw-get') await loadKeys(options, (key, number) => set(number, key));
  return {
    operation:
      workload === 'gw-get'
        ? (client) => run(client, 'GET', randomKey(options))
        : (client) => set(client, randomKey(options)),
    close: () => {
      for (const connection of connections) connection.close();
      return Promise.resolve();
    },
  };
}
