import type { Env } from '@tinykv/base';
import { Client } from '@tinykv/client';
import { EXIT } from '@tinykv/server';
import { type Measurement, type Operation, runClosedLoop } from './driver.js';
import { countFsyncs } from './fsyncs.js';
import { runOpenLoop } from './open-loop.js';
import { prepareWorkload } from './our-target.js';
import { type Result, resultFigures, resultTable } from './report.js';
import type { KeySpace, Workload } from './workload.js';

export interface RunningClusterOptions extends KeySpace {
  readonly scheduler: string;
  readonly gateway: string;
  /** Status pages of the stores, for their fsync counters. */
  readonly statusPages: readonly string[];
  readonly clients: number;
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
  const client = await Client.connect(env, { scheduler: options.scheduler });
  try {
    for (const workload of workloads) {
      const result = await measure(client, workload, options);
      results.push(result);
      if (options.json) print(JSON.stringify(resultFigures(result)));
    }
  } finally {
    await client.close();
  }
  if (!options.json) print(resultTable(results));
  for (const { measurement, workload } of results) {
    if (measurement.firstError === undefined) continue;
    process.stderr.write(`${workload}: ${measurement.errors} errors, the first: `);
    process.stderr.write(`${measurement.firstError}\n`);
  }
  return results.every(({ measurement }) => measurement.errors === 0) ? EXIT.ok : EXIT.failure;
}

async function measure(
  client: Client,
  workload: Workload,
  options: RunningClusterOptions,
): Promise<Result> {
  const { clients, valueBytes, seconds, warmUpSeconds } = options;
  const { operation, close } = await prepareWorkload(client, workload, options);
  try {
    await runClosedLoop(operation, { clients, seconds: warmUpSeconds });
    const before = await countFsyncs(options.statusPages);
    const measurement = await runLoop(operation, clients, seconds, options.rate);
    const after = await countFsyncs(options.statusPages);
    const isKnown = before !== undefined && after !== undefined;
    const fsyncs = isKnown ? after - before : undefined;
    return { workload, clients, valueBytes, measurement, fsyncs };
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
