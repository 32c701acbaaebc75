import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CliError } from '../../program.js';
import { RespClient } from '../../resp-client.js';
import { freePorts } from './free-ports.js';
import { PeerProcess } from './peer-process.js';
import type { Resources } from './resources.js';
import { makeTempFolder } from './temp-folder.js';
import type { ProcessRef } from './usage.js';

const START_MS = 10_000;

/** One redis-server that syncs every write, its data in a temporary folder. */
export interface RedisProcess {
  readonly address: string;
  readonly processes: readonly ProcessRef[];
  /** How it has ended; undefined while it runs. */
  readonly failure: () => string | undefined;
}

export async function startRedis(resources: Resources): Promise<RedisProcess> {
  const [port = 0] = await freePorts(1);
  const folder = makeTempFolder(resources, 'redis');
  const servers: PeerProcess[] = [];
  resources.add({
    stop: async () => {
      for (const server of servers) await server.stop();
    },
    kill: () => {
      for (const server of servers) server.kill();
    },
  });
  const place = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', ''];
  const args = [...place, '--appendonly', 'yes', '--appendfsync', 'always'];
  const server = new PeerProcess('redis', 'redis-server', args, join(folder, 'redis.log'));
  servers.push(server);
  const address = `127.0.0.1:${port}`;
  const deadline = performance.now() + START_MS;
  while (!(await answers(address))) {
    if (server.failure !== undefined || performance.now() > deadline) {
      throw new CliError(server.failure ?? 'redis-server does not answer');
    }
    await sleep(50);
  }
  return {
    address,
    failure: () => server.failure,
    processes: [{ name: server.name, pid: server.pid }],
  };
}

async function answers(address: string): Promise<boolean> {
  try {
    const client = await RespClient.connect(address);
    const reply = await client.command('PING');
    client.close();
    return reply === 'PONG';
  } catch {
    return false;
  }
}
