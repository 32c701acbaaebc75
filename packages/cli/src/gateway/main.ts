import { Client } from '@tinykv/client';
import type { RealEnv } from '@tinykv/env-real';
import { clientKv, createGateway } from '@tinykv/gateway';
import { runServiceProcess, type Service, type ServiceProgram } from '@tinykv/server';
import {
  type GatewaySettings,
  gatewaySchema,
  STATUS_PORT_OFFSET,
  validateGatewaySettings,
} from './settings.js';

const DRAIN_MS = 5_000;
/** Rounds over the schedulers before a start gives up. */
const SCHEDULER_RETRIES = 10;

const program: ServiceProgram<GatewaySettings> = {
  name: 'tinykv-gateway',
  description: 'The Redis protocol on a TinyKV cluster.',
  schema: gatewaySchema,
  validate: validateGatewaySettings,
  examples: [
    'tinykv-gateway --scheduler 127.0.0.1:2379 --addr 127.0.0.1:6379',
    'tinykv-gateway --command-timeout 2s',
    'redis-cli -p 6379 set hello world',
  ],
  serviceAddress: ({ addr }) => addr,
  addressFlag: '--addr',
  statusPortOffset: STATUS_PORT_OFFSET,
  start: startGateway,
};

/** `tinykv-gateway`. */
export function runGatewayServer(argv: readonly string[]): Promise<number> {
  return runServiceProcess(program, argv);
}

async function startGateway(env: RealEnv, settings: GatewaySettings): Promise<Service> {
  const client = await Client.connect(env, {
    scheduler: settings.scheduler,
    retries: SCHEDULER_RETRIES,
    failFast: true,
  });
  const colon = settings.addr.lastIndexOf(':');
  const gateway = createGateway(env, clientKv(client), {
    host: settings.addr.slice(0, colon).replace(/^\[(.*)\]$/, '$1'),
    port: Number(settings.addr.slice(colon + 1)),
    instance: settings.instance,
    databases: settings.databases,
    clientsMax: settings.clientsMax,
    commandTimeoutMs: settings.commandTimeout,
  });
  await gateway.listen();
  return {
    status: () => ({
      address: settings.addr,
      clusterId: client.scheduler.clusterId,
      ...gateway.stats(),
    }),
    stop: async () => {
      await gateway.close(DRAIN_MS);
      await client.close();
    },
  };
}
