import { randomBytes } from 'node:crypto';
import { createConnection } from 'node:net';
import type { Net } from '@tinykv/base';
import { RespClient } from '../../src/resp-client.js';
import { type LiveCluster, type LiveClusterOptions, withCluster } from './live-cluster.js';

export interface BadInputOptions {
  /** Random byte strings, all together: half thrown at the ports in turn, half framed as gRPC messages. */
  readonly strings: number;
  readonly portBase: number;
  readonly print: (line: string) => void;
}

export interface BadInputResult {
  readonly sent: number;
  /** Random messages to gRPC methods that came back as an answer, not as an error. */
  readonly answered: number;
  readonly refused: number;
  /** Pids before and after are the same: nobody crashed and was replaced. */
  readonly survived: boolean;
  readonly served: string;
}

const PARALLEL = 16;
const SENDING_MS = 2_000;

/** Random bytes at every port and method: only errors may come of it, and the service goes on. */
export function runBadInput(options: BadInputOptions): Promise<BadInputResult> {
  const cluster: LiveClusterOptions = {
    name: 'bad-input',
    stores: 3,
    gateway: true,
    portBase: options.portBase,
    print: options.print,
  };
  return withCluster(cluster, (live) => runOn(live, options));
}

async function runOn(live: LiveCluster, options: BadInputOptions): Promise<BadInputResult> {
  const { cluster } = live;
  const client = await RespClient.connect(cluster.gatewayAddress);
  await client.command('SET', 'bad-input', 'still here');
  const pids = cluster.members.map((member) => member.pid);
  const ports = cluster.members.flatMap(({ spec }) => [spec.address, spec.statusAddress]);
  const counts = { sent: 0, answered: 0, refused: 0 };
  const work = async (i: number): Promise<void> => {
    // Every second one is framed as a gRPC message, so that it reaches a decoder.
    const grpc = i % 2 === 1 ? methodFor(live, i) : undefined;
    if (grpc === undefined) await throwBytes(ports[(i >> 1) % ports.length]!, randomInput(i >> 1));
    else await callWithBytes(live.env.net, grpc.address, grpc.method, randomInput(i), counts);
    counts.sent++;
  };
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < options.strings) await work(next++);
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  const survived = cluster.members.every((member, i) => member.pid === pids[i]);
  const served = String(await client.command('GET', 'bad-input'));
  client.close();
  return { ...counts, survived, served };
}

/** Mostly short; sometimes what a parser takes for a length, a preface or a command. */
function randomInput(i: number): Uint8Array {
  const noise = randomBytes(1 + (i % 97));
  const beginnings = [
    '',
    '*3\r\n$',
    '*-1\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'GET /',
    '$999999999\r\n',
  ];
  return Buffer.concat([Buffer.from(beginnings[i % beginnings.length]!), noise]);
}

/** Sends the bytes and waits until the other side hangs up or answers; what it answers is its affair. */
function throwBytes(address: string, bytes: Uint8Array): Promise<void> {
  const colon = address.lastIndexOf(':');
  const socket = createConnection(Number(address.slice(colon + 1)), address.slice(0, colon));
  return new Promise((resolve) => {
    socket.setTimeout(SENDING_MS, () => socket.destroy());
    socket.on('connect', () => socket.end(bytes));
    socket.on('data', () => undefined);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => resolve());
  });
}

const STORE_METHODS = [
  '/tinykvpb.TinyKv/KvGet',
  '/tinykvpb.TinyKv/KvScan',
  '/tinykvpb.TinyKv/KvPrewrite',
  '/tinykvpb.TinyKv/KvCommit',
  '/tinykvpb.TinyKv/KvBatchRollback',
  '/tinykvpb.TinyKv/KvResolveLock',
  '/tinykvpb.TinyKv/KvCheckTxnStatus',
  '/tinykvpb.TinyKv/RawGet',
  '/tinykvpb.TinyKv/RawScan',
  '/tinykvpb.TinyKv/Coprocessor',
];
const SCHEDULER_METHODS = [
  '/schedulerpb.Scheduler/GetMembers',
  '/schedulerpb.Scheduler/AskSplit',
  '/schedulerpb.Scheduler/GetRegion',
  '/schedulerpb.Scheduler/ScanRegions',
  '/schedulerpb.Scheduler/StoreHeartbeat',
  '/tinykvadmin.Admin/AddOperator',
];

function methodFor(live: LiveCluster, i: number): { address: string; method: string } {
  const stores = live.cluster.stores;
  const turn = Math.floor(i / 2);
  if (turn % 3 === 0) {
    const method = SCHEDULER_METHODS[turn % SCHEDULER_METHODS.length]!;
    return { address: live.cluster.schedulerAddress, method };
  }
  const { address } = stores[turn % stores.length]!.spec;
  return { address, method: STORE_METHODS[turn % STORE_METHODS.length]! };
}

async function callWithBytes(
  net: Net,
  address: string,
  method: string,
  bytes: Uint8Array,
  counts: { answered: number; refused: number },
): Promise<void> {
  try {
    await net.call(address, method, bytes, { timeoutMs: SENDING_MS });
    counts.answered++;
  } catch {
    counts.refused++;
  }
}
