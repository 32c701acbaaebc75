import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Prng } from '@tinykv/base';
import { type EngineBenchOptions, filledValue, keyOf } from './engines.js';
import { type Executor, executors } from './executor.js';
import { encodeGet, encodePut } from './requests.js';
import { describeRow, type Figures, measureInTurns, median } from './rounds.js';

const CLIENTS = 64;
/** One request of so many is a put. */
const PUT_EVERY = 5;

interface Run {
  readonly microsPerRequest: number;
  /** Of all threads. */
  readonly cpuMicrosPerRequest: number;
  readonly p99Micros: number;
  /** Share of the time in which the thread that takes the requests was busy. */
  readonly busy: number;
}

/** Ways to carry requests out, side by side, each over an engine on a log of its own. */
export async function benchExecutors(options: EngineBenchOptions): Promise<void> {
  const { print, keys, valueBytes, rounds } = options;
  const root = await mkdtemp(join(options.folder, 'tinykv-bench-executors-'));
  const names = Object.keys(executors);
  const open = new Map<string, Executor>();
  const runs = new Map<string, Run[]>(names.map((name) => [name, []]));
  try {
    for (const name of names) open.set(name, await executors[name]!(join(root, name)));
    for (const executor of open.values()) await load(executor, options);
    print(
      `${CLIENTS} clients, one put for ${PUT_EVERY - 1} gets, ${keys} keys, values of ${valueBytes} bytes, ${rounds} rounds; in brackets: by inline`,
    );
    const times = await measureInTurns(names, rounds, async (name, round) => {
      const run = await measure(open.get(name)!, options, round);
      if (round > 0) runs.get(name)!.push(run);
      return run.microsPerRequest;
    });
    print(describeRow('request', times, 'us'));
    const of = (figure: (run: Run) => number): Figures =>
      new Map(names.map((name) => [name, runs.get(name)!.map(figure)]));
    print(
      describeRow(
        'cpu',
        of((run) => run.cpuMicrosPerRequest),
        'us',
      ),
    );
    print(
      describeRow(
        'p99',
        of((run) => run.p99Micros),
        'us',
      ),
    );
    const busy = names.map((name) => {
      const share = median(runs.get(name)!.map((run) => run.busy));
      return `${name} ${Math.round(share * 100)} %`;
    });
    print(`the thread that takes requests is busy: ${busy.join(', ')}`);
  } finally {
    for (const executor of open.values()) await executor.close();
    await rm(root, { recursive: true });
  }
}

async function load(executor: Executor, { keys, valueBytes }: EngineBenchOptions): Promise<void> {
  const value = filledValue(valueBytes, 1);
  for (let i = 0; i < keys; i++) await executor.run(encodePut(keyOf(i), value));
}

/** A closed loop of all clients over `keys` requests. */
async function measure(
  executor: Executor,
  { keys, valueBytes }: EngineBenchOptions,
  round: number,
): Promise<Run> {
  const value = filledValue(valueBytes, round);
  const prng = new Prng(round + 1);
  const latencies: number[] = [];
  let left = keys;
  const client = async (): Promise<void> => {
    while (left-- > 0) {
      const key = keyOf(prng.int(0, keys));
      const request = left % PUT_EVERY === 0 ? encodePut(key, value) : encodeGet(key);
      const sentAt = performance.now();
      await executor.run(request);
      latencies.push(performance.now() - sentAt);
      // Requests come from a socket: with the next turn at the earliest.
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const cpuBefore = process.cpuUsage();
  const loopBefore = performance.eventLoopUtilization();
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: CLIENTS }, client));
  const micros = (performance.now() - startedAt) * 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  latencies.sort((a, b) => a - b);
  return {
    microsPerRequest: micros / keys,
    cpuMicrosPerRequest: (user + system) / keys,
    p99Micros: latencies[Math.floor(latencies.length * 0.99)]! * 1000,
    busy: performance.eventLoopUtilization(loopBefore).utilization,
  };
}
