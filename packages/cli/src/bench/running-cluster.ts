import type { Env } from '@tinykv/base';
import { Client } from '@tinykv/client';
import { EXIT } from '@tinykv/server';
import { type Measurement, type Operation, runClosedLoop } from './driver.js';
import { countFsyncs } from './fsyncs.js';
import { runOpenLoop } from './open-loop.js';
import { prepareWorkload } from './our-target.js';
import { type Result, resultFigures, resultTable } from './report.js';
import { clientOptionsOf, prepareTxn, type TxnShape } from './txn-work.js';
import type { KeySpace, Prepared, SimpleWorkload, Workload } from './workload.js';

export interface RunningClusterOptions extends KeySpace {
  readonly scheduler: string;
  readonly gateway: string;
  /** Status pages of the stores, for their fsync counters. */
  readonly statusPages: readonly string[];
  /** Each workload runs with each. */
  readonly clients: readonly number[];
  /** What `txn` runs as. */
  readonly shapes: readonly TxnShape[];
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** Operations per second of an open loop; undefined: a closed loop. */
  readonly rate: number | undefined;
  readonly json: boolean;
}

/** Measures a cluster that runs already; resolves with the exit code. */
export async function benchRunningCluster(
  env: Env,
  workloads: readonly Workload[],
  options: RunningClusterOptions,
): Promise<number> {
  const results: Result[] = [];
  for (const run of runsOf(workloads, options)) {
    const result = await onClient(env, run, options);
    results.push(result);
    if (options.json) print(JSON.stringify(resultFigures(result)));
  }
  if (!options.json) print(resultTable(results));
  for (const { measurement, workload } of results) {
    if (measurement.firstError === undefined) continue;
    process.stderr.write(`${workload}: ${measurement.errors} errors, the first: `);
    process.stderr.write(`${measurement.firstError}\n`);
  }
  return results.every(({ measurement }) => measurement.errors === 0) ? EXIT.ok : EXIT.failure;
}

/** One line of the report. */
type Run =
  | { readonly workload: SimpleWorkload; readonly clients: number }
  | { readonly workload: 'txn'; readonly shape: TxnShape; readonly clients: number };

function* runsOf(
  workloads: readonly Workload[],
  { clients: counts, shapes }: RunningClusterOptions,
): Generator<Run, void, undefined> {
  for (const workload of workloads) {
    for (const clients of counts) {
      if (workload !== 'txn') yield { workload, clients };
      else yield* shapes.map((shape): Run => ({ workload, shape, clients }));
    }
  }
}

/** On a client of its own, since clients differ in how they commit. */
async function onClient(env: Env, run: Run, options: RunningClusterOptions): Promise<Result> {
  const { scheduler } = options;
  const how = run.workload === 'txn' ? clientOptionsOf(run.shape) : {};
  const client = await Client.connect(env, { scheduler, ...how });
  try {
    return await measure(client, run, options);
  } finally {
    await client.close();
  }
}

async function prepare(
  client: Client,
  run: Run,
  { keys, valueBytes, gateway }: RunningClusterOptions,
): Promise<Prepared> {
  const { clients } = run;
  const space = { keys, valueBytes, clients, gateway };
  if (run.workload !== 'txn') return prepareWorkload(client, run.workload, space);
  return { operation: await prepareTxn(client, run.shape, space), close: () => Promise.resolve() };
}

async function measure(client: Client, run: Run, options: RunningClusterOptions): Promise<Result> {
  const { valueBytes, seconds, warmUpSeconds } = options;
  const { clients } = run;
  const { operation, close } = await prepare(client, run, options);
  try {
    await runClosedLoop(operation, { clients, seconds: warmUpSeconds });
    const before = await countFsyncs(options.statusPages);
    const measurement = await runLoop(operation, clients, seconds, options.rate);
    const after = await countFsyncs(options.statusPages);
    const isKnown = before !== undefined && after !== undefined;
    const fsyncs = isKnown ? after - before : undefined;
    return { ...run, valueBytes, measurement, fsyncs };
  } finally {
    await close();
  }
}

function runLoop(
  operation: Operation,
  clients: number,
  seconds: number,
  rate: number | undefined,
): Promise<Measurement> {
  return rate === undefined
    ? runClosedLoop(operation, { clients, seconds })
    : runOpenLoop(operation, { clients, seconds, rate });
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
