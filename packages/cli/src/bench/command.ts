import type { Env } from '@tinykv/base';
import { EXIT } from '@tinykv/server';
import { Command, Option } from 'commander';
import { CliError, parseAmount, parseCount, parsePositive } from '../program.js';
import { benchRunningCluster } from './running-cluster.js';
import { chooseRows, PEERS, type Peer, rowsOf } from './vs/rows.js';
import { benchVersus } from './vs/run.js';
import { WORKLOAD_DOC, WORKLOADS, type Workload } from './workload.js';

interface BenchOptions {
  readonly scheduler: string;
  readonly gateway: string;
  readonly status: string;
  readonly clients: number;
  readonly rate?: number;
  readonly seconds?: number;
  readonly warmUp?: number;
  readonly keys: number;
  readonly valueSize: number;
  readonly vs?: Peer;
  readonly rows?: string;
  readonly rounds: number;
  readonly maxForeign: number;
  readonly json?: boolean;
}

/** `tinykv bench`; `finish` takes the exit code. */
export function benchCommand(openEnv: () => Env, finish: (code: number) => void): Command {
  const command = new Command('bench')
    .description('Measures a running cluster, or with --vs compares one of its own with a peer.')
    .argument('[workload...]', `${WORKLOADS.join(', ')} (default: all)`)
    .option('--scheduler <host:port>', 'the cluster', '127.0.0.1:2379')
    .option('--gateway <host:port>', 'its gateway', '127.0.0.1:6379')
    .option(
      '--status <host:port,…>',
      'status pages of its stores, for fsyncs',
      '127.0.0.1:20180,127.0.0.1:20181,127.0.0.1:20182',
    )
    .option('--clients <n>', 'operations in flight, with --rate at most', parseCount, 64)
    .option('--rate <n>', 'open loop: operations a second, sent at their times', parsePositive)
    .option('--seconds <n>', 'for each workload (default: 10; with --vs 2.5)', parsePositive)
    .option('--warm-up <n>', 'seconds before each (default: 1; with --vs 0.5)', parseAmount)
    .option('--keys <n>', 'different keys', parseCount, 10_000)
    .option('--value-size <bytes>', 'bytes of a value', parseCount, 256)
    .addOption(new Option('--vs <peer>', 'start ours and the peer, and compare').choices(PEERS))
    .option('--rows <name,…>', 'with --vs: rows to run (default: all of the peer)')
    .option('--rounds <n>', 'with --vs: rounds that count, of both in turns', parseCount, 5)
    .option(
      '--max-foreign <cores>',
      'with --vs: a round is void when others use more',
      parseAmount,
      0.2,
    )
    .option('--json', 'a line of JSON for each result; with --vs one as the last line')
    .addHelpText('after', HELP);
  return command.action(async (names: string[], options: BenchOptions) => {
    const { vs: peer } = options;
    refuse(command, peer === undefined ? VERSUS_ONLY : RUNNING_ONLY, peer !== undefined);
    const code =
      peer === undefined
        ? await runOnCluster(openEnv, names, options)
        : await runVersus(openEnv, peer, names, options);
    finish(code);
  });
}

const VERSUS_ONLY = ['rows', 'rounds', 'maxForeign'] as const;
const RUNNING_ONLY = ['scheduler', 'gateway', 'status', 'clients', 'rate'] as const;

/** Options that mean nothing in this mode are a mistake, not a wish. */
function refuse(command: Command, names: readonly string[], isVersus: boolean): void {
  for (const option of command.options) {
    const name = option.attributeName();
    if (!names.includes(name) || command.getOptionValueSource(name) !== 'cli') continue;
    const why = isVersus ? 'has no meaning with --vs' : 'needs --vs';
    throw new CliError(`${option.long ?? name} ${why}`, EXIT.usage);
  }
}

function runOnCluster(
  openEnv: () => Env,
  names: readonly string[],
  options: BenchOptions,
): Promise<number> {
  const workloads = parseWorkloads(names);
  return benchRunningCluster(openEnv(), workloads, {
    scheduler: options.scheduler,
    gateway: options.gateway,
    statusPages: options.status.split(',').filter(Boolean),
    clients: options.clients,
    rate: options.rate,
    seconds: options.seconds ?? 10,
    warmUpSeconds: options.warmUp ?? 1,
    keys: options.keys,
    valueBytes: options.valueSize,
    json: options.json === true,
  });
}

function runVersus(
  openEnv: () => Env,
  peer: Peer,
  names: readonly string[],
  options: BenchOptions,
): Promise<number> {
  if (names.length > 0) throw new CliError('with --vs, rows are chosen by --rows', EXIT.usage);
  const rows = chooseRows(peer, options.rows);
  if ('problem' in rows) throw new CliError(rows.problem, EXIT.usage);
  return benchVersus(openEnv(), {
    peer,
    rows,
    rounds: options.rounds,
    maxForeign: options.maxForeign,
    seconds: options.seconds ?? 2.5,
    warmUpSeconds: options.warmUp ?? 0.5,
    keys: options.keys,
    valueBytes: options.valueSize,
    json: options.json === true,
  });
}

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

const HELP = `
Workloads:
${WORKLOADS.map((name) => `  ${name.padEnd(8)} ${WORKLOAD_DOC[name]}`).join('\n')}

Rows:
${PEERS.map((peer) => `  ${peer.padEnd(6)} ${rowsOf(peer).join(' ')}`).join('\n')}

With --rate a latency counts from the time an operation should have been sent, so a stall shows in all that
it held up. With --vs both systems run on this machine, in turns; each figure is the median of its rounds,
a ratio the median of the rounds' ratios. A round in which other processes used more than --max-foreign
cores is void and repeated.

Examples:
  tinykv bench raw-put --clients 256 --seconds 30
  tinykv bench raw-get --rate 5000 --json
  tinykv bench --vs etcd --rows raw-put-256,get-1 --rounds 7 --json`;
