import type { Env } from '@tinykv/base';
import { EXIT } from '@tinykv/server';
import { Command, Option } from 'commander';
import { CliError, parseCount } from '../program.js';
import { type Measurement, mergeMeasurements, runClosedLoop } from './driver.js';
import { openEtcd } from './etcd-target.js';
import { openOurs } from './our-target.js';
import { openRedis } from './redis-target.js';
import { type Result, resultFigures, resultTable } from './report.js';
import {
  type Prepared,
  type Target,
  WORKLOAD_DOC,
  WORKLOADS,
  type Workload,
  type WorkOptions,
} from './workload.js';

interface BenchOptions {
  readonly scheduler: string;
  readonly gateway: string;
  readonly status: string;
  readonly clients: number;
  readonly seconds: number;
  readonly keys: number;
  readonly valueSize: number;
  readonly rounds: number;
  readonly vs?: 'etcd' | 'redis';
  readonly json?: boolean;
}

const WARM_UP_SECONDS = 1;
const OTHER_PORT = 23_790;

/** `tinykv bench`; `finish` takes the exit code. */
export function benchCommand(openEnv: () => Env, finish: (code: number) => void): Command {
  const lines = WORKLOADS.map((name) => `  ${name.padEnd(8)} ${WORKLOAD_DOC[name]}`);
  return new Command('bench')
    .description('Measures a running cluster with a closed loop.')
    .argument('[workload...]', `${WORKLOADS.join(', ')} (default: all)`)
    .option('--scheduler <host:port>', 'the cluster', '127.0.0.1:2379')
    .option('--gateway <host:port>', 'its gateway', '127.0.0.1:6379')
    .option(
      '--status <host:port,…>',
      'status pages of its stores, for fsyncs',
      '127.0.0.1:20180,127.0.0.1:20181,127.0.0.1:20182',
    )
    .option('--clients <n>', 'operations in flight', parseCount, 64)
    .option('--seconds <n>', 'for each workload', parseCount, 10)
    .option('--keys <n>', 'different keys', parseCount, 10_000)
    .option('--value-size <bytes>', 'bytes of a value', parseCount, 256)
    .option('--rounds <n>', 'turns between the systems with --vs', parseCount, 3)
    .addOption(new Option('--vs <system>', 'the same work on it too').choices(['etcd', 'redis']))
    .option('--json', 'one line of JSON for each result')
    .addHelpText('after', `\nWorkloads:\n${lines.join('\n')}\n${EXAMPLES}`)
    .action(async (names: string[], options: BenchOptions) => {
      finish(await runBench(openEnv(), parseWorkloads(names), options));
    });
}

const EXAMPLES = `
Examples:
  tinykv bench raw-put --clients 256 --seconds 30
  tinykv bench raw-put txn --vs etcd --json`;

function parseWorkloads(names: readonly string[]): readonly Workload[] {
  for (const name of names) {
    if (!(WORKLOADS as readonly string[]).includes(name)) {
      throw new CliError(
        `no such workload: ${name}; there are ${WORKLOADS.join(', ')}`,
        EXIT.usage,
      );
    }
  }
  return names.length === 0 ? WORKLOADS : (names as Workload[]);
}

async function runBench(
  env: Env,
  workloads: readonly Workload[],
  options: BenchOptions,
): Promise<number> {
  const targets: Target[] = [];
  const results: Result[] = [];
  try {
    const { scheduler, gateway, status } = options;
    targets.push(
      await openOurs(env, { scheduler, gateway, statusPages: status.split(',').filter(Boolean) }),
    );
    if (options.vs === 'etcd') targets.push(await openEtcd(env, OTHER_PORT));
    if (options.vs === 'redis') targets.push(await openRedis(OTHER_PORT));
    for (const workload of workloads) {
      const measured = await measure(targets, workload, options);
      results.push(...measured);
      if (options.json === true) for (const result of measured) printJson(result);
    }
  } finally {
    for (const target of targets) await target.close();
  }
  if (options.json !== true) process.stdout.write(`${resultTable(results)}\n`);
  for (const { measurement, system, workload } of results) {
    if (measurement.firstError === undefined) continue;
    process.stderr.write(`${system} ${workload}: ${measurement.errors} errors, the first: `);
    process.stderr.write(`${measurement.firstError}\n`);
  }
  return results.every(({ measurement }) => measurement.errors === 0) ? EXIT.ok : EXIT.failure;
}

/** The systems in turns, so that a busy moment of the machine falls on each alike. */
async function measure(
  targets: readonly Target[],
  workload: Workload,
  options: BenchOptions,
): Promise<Result[]> {
  const work: WorkOptions = { ...options, valueBytes: options.valueSize };
  const prepared: Prepared[] = [];
  for (const target of targets) prepared.push(await target.prepare(workload, work));
  const rounds = targets.length === 1 ? 1 : options.rounds;
  const parts: Measurement[][] = targets.map(() => []);
  const fsyncs: (number | undefined)[] = targets.map(() => 0);
  for (const { operation } of prepared) {
    await runClosedLoop(operation, { clients: options.clients, seconds: WARM_UP_SECONDS });
  }
  for (let round = 0; round < rounds; round++) {
    for (const [i, target] of targets.entries()) {
      const before = await fsyncsOf(target);
      const loop = { clients: options.clients, seconds: options.seconds / rounds };
      parts[i]!.push(await runClosedLoop(prepared[i]!.operation, loop));
      const after = await fsyncsOf(target);
      const sum = fsyncs[i];
      const isKnown = before !== undefined && after !== undefined && sum !== undefined;
      fsyncs[i] = isKnown ? sum + after - before : undefined;
    }
  }
  for (const part of prepared) await part.close();
  return targets.map((target, i) => ({
    system: target.name,
    workload,
    clients: options.clients,
    valueBytes: options.valueSize,
    measurement: mergeMeasurements(parts[i]!),
    fsyncs: fsyncs[i],
  }));
}

/** A status page that does not answer costs the column, not the measurement. */
async function fsyncsOf(target: Target): Promise<number | undefined> {
  try {
    return await target.fsyncs();
  } catch {
    return undefined;
  }
}

function printJson(result: Result): void {
  process.stdout.write(`${JSON.stringify(resultFigures(result))}\n`);
}
