import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CliError } from '../program.js';
import { RespClient } from '../resp-client.js';
import { prepareResp } from './our-target.js';
import type { Target } from './workload.js';

const START_MS = 10_000;

/** One redis-server that syncs every write, started for the comparison and removed with it. */
export async function openRedis(port: number): Promise<Target> {
  const folder = mkdtempSync(join(tmpdir(), 'tinykv-redis-'));
  const flags = ['--port', String(port), '--dir', folder, '--save', '', '--appendonly', 'yes'];
  const child = spawn('redis-server', [...flags, '--appendfsync', 'always'], { stdio: 'ignore' });
  let failure: string | undefined;
  child.once('error', (error) => {
    failure = error.message;
  });
  const address = `127.0.0.1:${port}`;
  const close = (): Promise<void> => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
    return Promise.resolve();
  };
  const deadline = performance.now() + START_MS;
  while (!(await answers(address))) {
    if (failure !== undefined || performance.now() > deadline) {
      await close();
      throw new CliError(`cannot start redis-server: ${failure ?? 'it does not answer'}`);
    }
    await sleep(50);
  }
  return {
    name: 'redis',
    prepare: (workload, options) => {
      if (workload === 'txn') throw new CliError('the comparison with redis has no txn workload');
      return prepareResp(address, workload.endsWith('get') ? 'gw-get' : 'gw-set', options);
    },
    fsyncs: () => Promise.resolve(undefined),
    close,
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
