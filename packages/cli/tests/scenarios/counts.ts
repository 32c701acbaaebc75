import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { utf8 } from '@tinykv/base';
import type { Client } from '@tinykv/client';
import { type LiveCluster, withCluster } from './live-cluster.js';

export interface CountOptions {
  readonly puts: number;
  readonly inFlight: number;
  readonly valueBytes: number;
  /** Count system calls by strace, which must be installed. */
  readonly trace: boolean;
  readonly portBase: number;
  readonly print: (line: string) => void;
}

/** Of all stores together, for each put that was acknowledged. */
export interface Counts {
  readonly fsyncs: number;
  /** undefined: not counted. */
  readonly writeCalls: number | undefined;
}

/** What a put costs of what does not depend on the speed of the machine, while many are in flight. */
export function countPerPut(options: CountOptions): Promise<Counts> {
  const { puts, portBase, print } = options;
  const cluster = { name: 'counts', stores: 3, gateway: false, portBase, print };
  return withCluster(cluster, async (live) => {
    const client = await live.client();
    try {
      await put(client, options, options.inFlight);
      const tracers = options.trace ? await startTracers(live) : undefined;
      const before = await fsyncs(live);
      await put(client, options, puts);
      const after = await fsyncs(live);
      const writeCalls = tracers && (await stopTracers(tracers)) / puts;
      return { fsyncs: (after - before) / puts, writeCalls };
    } finally {
      await client.close();
    }
  });
}

async function put(
  client: Client,
  { inFlight, valueBytes }: CountOptions,
  puts: number,
): Promise<void> {
  const value = new Uint8Array(valueBytes).fill(7);
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < puts) await client.raw.put(utf8(`counts/${next++}`), value);
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
}

async function fsyncs({ cluster }: LiveCluster): Promise<number> {
  let sum = 0;
  for (const { spec } of cluster.stores) {
    const text = await (await fetch(`http://${spec.statusAddress}/metrics`)).text();
    const line = /^tinykv_raft_log_fsyncs (\d+)/m.exec(text);
    if (line === null) throw new Error(`${spec.name} does not count fsyncs`);
    sum += Number(line[1]);
  }
  return sum;
}

interface Tracer {
  readonly process: ChildProcess;
  readonly file: string;
}

const CALLS = 'trace=write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg';

async function startTracers({ cluster, dataDir }: LiveCluster): Promise<Tracer[]> {
  const tracers: Tracer[] = [];
  for (const { pid, spec } of cluster.stores) {
    const file = join(dataDir, `${spec.name}.strace`);
    const args = ['-f', '-c', '-e', CALLS, '-o', file, '-p', String(pid)];
    const tracer = spawn('strace', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    tracers.push({ process: tracer, file });
    // Says that it is attached.
    await Promise.race([
      once(tracer.stderr, 'data'),
      once(tracer, 'error').then(([error]) => Promise.reject(error as Error)),
    ]);
  }
  return tracers;
}

async function stopTracers(tracers: readonly Tracer[]): Promise<number> {
  let calls = 0;
  for (const { process: tracer, file } of tracers) {
    const ended = once(tracer, 'exit');
    tracer.kill('SIGINT');
    await ended;
    // % time, seconds, usecs/call, calls, errors if any, "total"
    const total = /^\s*100\.00\s+\S+\s+\S+\s+(\d+)\s.*total$/m.exec(readFileSync(file, 'utf8'));
    if (total === null) throw new Error(`${file} has no total`);
    calls += Number(total[1]);
  }
  return calls;
}
