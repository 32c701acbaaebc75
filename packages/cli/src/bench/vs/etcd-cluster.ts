import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorMessage } from '@tinykv/base';
import { CliError } from '../../program.js';
import { EtcdClient } from './etcd-client.js';
import { freePorts } from './free-ports.js';
import { PeerProcess } from './peer-process.js';
import type { Resources } from './resources.js';
import { makeTempFolder } from './temp-folder.js';
import type { ProcessRef } from './usage.js';

const MEMBERS = 3;
const START_MS = 20_000;
const PROBE_MS = 1_000;

/** Three members of etcd on loopback with its defaults, their data in a temporary folder. */
export interface EtcdCluster {
  /** host:port of the member that leads, so that no request is forwarded. */
  leader(): Promise<string>;
  readonly processes: readonly ProcessRef[];
  /** Which member has ended and how; undefined while all run. */
  readonly failure: () => string | undefined;
}

export async function startEtcd(resources: Resources): Promise<EtcdCluster> {
  const ports = await freePorts(2 * MEMBERS);
  const folder = makeTempFolder(resources, 'etcd');
  const members: PeerProcess[] = [];
  resources.add({
    stop: async () => void (await Promise.all(members.map((member) => member.stop()))),
    kill: () => {
      for (const member of members) member.kill();
    },
  });
  const addresses = ports.slice(0, MEMBERS).map((port) => `127.0.0.1:${port}`);
  const peerAddresses = ports.slice(MEMBERS).map((port) => `127.0.0.1:${port}`);
  for (const [i, address] of addresses.entries()) {
    const args = memberArgs(i, address, peerAddresses, join(folder, String(i)));
    const logFile = join(folder, `etcd-${i + 1}.log`);
    members.push(new PeerProcess(`etcd-${i + 1}`, 'etcd', args, logFile));
  }
  for (const [i, address] of addresses.entries()) await waitForMember(address, members[i]!);
  return {
    leader: () => findLeader(addresses),
    failure: () => members.find((member) => member.failure !== undefined)?.failure,
    processes: members.map(({ name, pid }) => ({ name, pid })),
  };
}

function memberArgs(
  i: number,
  address: string,
  peerAddresses: readonly string[],
  dataDir: string,
): string[] {
  const flags = {
    name: `bench-${i}`,
    'data-dir': dataDir,
    'listen-client-urls': `http://${address}`,
    'advertise-client-urls': `http://${address}`,
    'listen-peer-urls': `http://${peerAddresses[i]!}`,
    'initial-advertise-peer-urls': `http://${peerAddresses[i]!}`,
    'initial-cluster': peerAddresses.map((peer, j) => `bench-${j}=http://${peer}`).join(','),
    'initial-cluster-token': 'tinykv-bench',
  };
  return Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
}

async function waitForMember(address: string, member: PeerProcess): Promise<void> {
  const client = new EtcdClient(address, PROBE_MS);
  try {
    await waitForAnswer(client, member);
  } finally {
    await client.close();
  }
}

async function waitForAnswer(client: EtcdClient, member: PeerProcess): Promise<void> {
  const key = new TextEncoder().encode('bench-start');
  const deadline = performance.now() + START_MS;
  for (;;) {
    let problem: unknown;
    try {
      await client.put(key, key);
      if ((await client.get(key)) !== undefined) return;
    } catch (error) {
      problem = error;
    }
    if (member.failure !== undefined || performance.now() > deadline) {
      throw new CliError(
        member.failure ?? `${member.name} does not answer: ${errorMessage(problem)}`,
      );
    }
    await sleep(100);
  }
}

async function findLeader(addresses: readonly string[]): Promise<string> {
  for (const address of addresses) {
    const text = await (await fetch(`http://${address}/metrics`)).text();
    if (/^etcd_server_is_leader 1$/m.test(text)) return address;
  }
  throw new CliError('etcd has no leader');
}
