import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { assert, utf8 } from '@tinykv/base';
import { RespClient } from '../../src/resp-client.js';
import { type LiveCluster, withCluster } from './live-cluster.js';

export interface LonelyOptions {
  /** Operations of each kind, one after the other. */
  readonly operations: number;
  readonly valueBytes: number;
  /** How long the cluster is watched with nobody there, whose share is subtracted. */
  readonly idleMs: number;
  /** Count system calls by strace, which must be installed. */
  readonly trace: boolean;
  readonly portBase: number;
  readonly print: (line: string) => void;
}

/** Counts of one process for each operation, without its work when nobody is there. */
export interface LonelyCost {
  readonly process: string;
  readonly leads: boolean;
  readonly cpuMs: number;
  /** By system call; none when they are not counted. */
  readonly calls: ReadonlyMap<string, number>;
}

/** By operation, the leader of the key first. */
export type LonelyCosts = ReadonlyMap<string, readonly LonelyCost[]>;

/** The cost of an operation for each process while no other is on its way. */
export function countLonely(options: LonelyOptions): Promise<LonelyCosts> {
  const { portBase, print } = options;
  const cluster = { name: 'lonely', stores: 3, gateway: true, portBase, print };
  return withCluster(cluster, async (live) => {
    const client = await live.client();
    const redis = await RespClient.connect(live.cluster.gatewayAddress);
    const value = 'v'.repeat(options.valueBytes);
    const bytes = utf8(value);
    const operations = new Map<string, (i: number) => Promise<unknown>>([
      ['put', (i: number) => client.raw.put(utf8(`lonely/${i}`), bytes)],
      ['get', (i: number) => client.raw.get(utf8(`lonely/${i}`))],
      ['SET', (i: number) => redis.command('SET', `lonely/${i}`, value)],
      ['GET', (i: number) => redis.command('GET', `lonely/${i}`)],
    ]);
    try {
      const costs = new Map<string, readonly LonelyCost[]>();
      for (const [name, operation] of operations) {
        for (let i = 0; i < options.operations; i++) await operation(i);
        costs.set(name, await costOf(live, options, operation));
      }
      return costs;
    } finally {
      redis.close();
      await client.close();
    }
  });
}

async function costOf(
  live: LiveCluster,
  { operations, idleMs, trace }: LonelyOptions,
  operation: (i: number) => Promise<unknown>,
): Promise<LonelyCost[]> {
  const run = async (): Promise<void> => {
    for (let i = 0; i < operations; i++) await operation(i);
  };
  const idleCpu = await cpuOf(live, () => sleep(idleMs));
  const cpu = await cpuOf(live, run);
  const idleCalls = await callsOf(live, trace, () => sleep(idleMs));
  const calls = await callsOf(live, trace, run);
  const leader = await live.leadingStore();
  const costs = processes(live).map((process): LonelyCost => {
    const callsTo = (name: string): number =>
      perOperation(calls, idleCalls, (counts) => counts.get(process)?.get(name) ?? 0, operations);
    return {
      process,
      leads: process === leader,
      cpuMs: perOperation(cpu, idleCpu, (counts) => counts.get(process) ?? 0, operations),
      calls: new Map(trace ? COUNTED.map((name) => [name, callsTo(name)]) : []),
    };
  });
  return costs.sort((a, b) => Number(b.leads) - Number(a.leads));
}

interface Measured<T> {
  readonly ms: number;
  readonly counts: T;
}

/** The share that the processes would have had in the same time without any operation is left out. */
function perOperation<T>(
  busy: Measured<T>,
  idle: Measured<T>,
  count: (counts: T) => number,
  operations: number,
): number {
  return (count(busy.counts) - (count(idle.counts) * busy.ms) / idle.ms) / operations;
}

function processes({ cluster }: LiveCluster): string[] {
  return [...cluster.stores.map(({ spec }) => spec.name), 'gateway', 'scheduler'];
}

function pidOf({ cluster }: LiveCluster, name: string): number {
  const pid = cluster.member(name)?.pid;
  assert(pid !== undefined, () => `${name} does not run`);
  return pid;
}

/** Milliseconds on a core, of all threads, by process. */
async function cpuOf(
  live: LiveCluster,
  work: () => Promise<unknown>,
): Promise<Measured<ReadonlyMap<string, number>>> {
  const before = new Map(processes(live).map((name) => [name, cpuMs(pidOf(live, name))]));
  const start = performance.now();
  await work();
  const ms = performance.now() - start;
  const counts = new Map(
    processes(live).map((name) => [name, cpuMs(pidOf(live, name)) - (before.get(name) ?? 0)]),
  );
  return { ms, counts };
}

/** The kernel counts nanoseconds by thread. Threads of these processes stay until their end. */
function cpuMs(pid: number): number {
  const folder = `/proc/${pid}/task`;
  const ns = readdirSync(folder).map((thread) =>
    Number(readFileSync(join(folder, thread, 'schedstat'), 'utf8').split(' ')[0]),
  );
  return ns.reduce((sum, more) => sum + more, 0) / 1e6;
}

const COUNTED = ['writev', 'write', 'pwrite64', 'read', 'epoll_pwait', 'futex', 'fdatasync'];

async function callsOf(
  live: LiveCluster,
  trace: boolean,
  work: () => Promise<unknown>,
): Promise<Measured<ReadonlyMap<string, ReadonlyMap<string, number>>>> {
  if (!trace) return { ms: 1, counts: new Map() };
  const tracers: Tracer[] = [];
  for (const name of processes(live)) tracers.push(await startTracer(live, name));
  const start = performance.now();
  await work();
  const ms = performance.now() - start;
  const counts = new Map<string, ReadonlyMap<string, number>>();
  for (const tracer of tracers) counts.set(tracer.name, await stopTracer(tracer));
  return { ms, counts };
}

interface Tracer {
  readonly name: string;
  readonly process: ChildProcess;
  readonly file: string;
}

async function startTracer(live: LiveCluster, name: string): Promise<Tracer> {
  const file = join(live.dataDir, `${name}.strace`);
  const calls = `trace=${COUNTED.join(',')}`;
  const args = ['-f', '-c', '-e', calls, '-o', file, '-p', String(pidOf(live, name))];
  const tracer = spawn('strace', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  // Says that it is attached.
  await Promise.race([
    once(tracer.stderr, 'data'),
    once(tracer, 'error').then(([error]) => Promise.reject(error as Error)),
  ]);
  return { name, process: tracer, file };
}

async function stopTracer({ process: tracer, file }: Tracer): Promise<ReadonlyMap<string, number>> {
  const ended = once(tracer, 'exit');
  tracer.kill('SIGINT');
  await ended;
  const counts = new Map<string, number>();
  // % time, seconds, usecs/call, calls, errors if any, the name
  const line = /^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$/gm;
  for (const [, calls, name] of readFileSync(file, 'utf8').matchAll(line)) {
    if (name !== undefined) counts.set(name, Number(calls));
  }
  return counts;
}

/** A line for each process that took part. */
export function describeLonely(costs: LonelyCosts): string[] {
  const lines: string[] = [];
  for (const [operation, byProcess] of costs) {
    for (const { process, leads, cpuMs: cpu, calls } of byProcess) {
      const counted = [...calls].map(([name, count]) => `${name} ${count.toFixed(1)}`);
      const role = leads ? ', the leader' : '';
      lines.push([`${operation}: ${process}${role}: ${cpu.toFixed(2)} ms`, ...counted].join(', '));
    }
  }
  return lines;
}
