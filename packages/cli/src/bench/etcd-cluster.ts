import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Net } from '@tinykv/base';
import { CliError } from '../program.js';
import { decodeRange, ETCD_PUT, ETCD_RANGE, encodePut, encodeRange } from './etcd-wire.js';

const MEMBERS = 3;
const START_MS = 20_000;

/** Three members of etcd on loopback, with their data in a temporary folder. */
export interface EtcdCluster {
  /** host:port of each member's client port. */
  readonly addresses: readonly string[];
  stop(): Promise<void>;
}

export async function startEtcd(net: Net, portBase: number): Promise<EtcdCluster> {
  const folder = mkdtempSync(join(tmpdir(), 'tinykv-etcd-'));
  const clientPort = (i: number): number => portBase + 2 * i;
  const peerUrl = (i: number): string => `http://127.0.0.1:${clientPort(i) + 1}`;
  const numbers = Array.from({ length: MEMBERS }, (_, i) => i);
  const initial = numbers.map((i) => `bench-${i}=${peerUrl(i)}`).join(',');
  const log = openSync(join(folder, 'etcd.log'), 'a');
  const children = numbers.map((i) => {
    const clientUrl = `http://127.0.0.1:${clientPort(i)}`;
    const flags = {
      name: `bench-${i}`,
      'data-dir': join(folder, String(i)),
      'listen-client-urls': clientUrl,
      'advertise-client-urls': clientUrl,
      'listen-peer-urls': peerUrl(i),
      'initial-advertise-peer-urls': peerUrl(i),
      'initial-cluster': initial,
      'initial-cluster-token': 'tinykv-bench',
      'enable-v2': 'false',
    };
    const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
    return spawn('etcd', args, { stdio: ['ignore', log, log] });
  });
  const addresses = numbers.map((i) => `127.0.0.1:${clientPort(i)}`);
  const stop = async (): Promise<void> => {
    await Promise.all(children.map(endChild));
    rmSync(folder, { recursive: true, force: true });
  };
  const failed = new Promise<never>((_, reject) => {
    for (const child of children) {
      child.once('error', (error) => reject(new CliError(`cannot start etcd: ${error.message}`)));
    }
  });
  try {
    await Promise.race([waitForEtcd(net, addresses), failed]);
  } catch (error) {
    await stop();
    throw error;
  }
  return { addresses, stop };
}

async function waitForEtcd(net: Net, addresses: readonly string[]): Promise<void> {
  const key = new TextEncoder().encode('bench-start');
  const deadline = performance.now() + START_MS;
  for (const address of addresses) {
    for (let isUp = false; !isUp; ) {
      try {
        await net.call(address, ETCD_PUT, encodePut(key, key), { timeoutMs: 1000 });
        const answer = await net.call(address, ETCD_RANGE, encodeRange(key), { timeoutMs: 1000 });
        isUp = decodeRange(answer) !== undefined;
      } catch (error) {
        if (performance.now() > deadline) throw error;
        await sleep(100);
      }
    }
  }
}

function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) {
    return Promise.resolve();
  }
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill('SIGKILL');
  });
}
