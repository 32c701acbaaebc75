import type { Env } from '@tinykv/base';
import { EXIT } from '@tinykv/server';
import { Command, InvalidArgumentError, Option } from 'commander';
import { findCluster } from '../ctl/find-cluster.js';
import {
  CliError,
  parseAmount,
  parseCount,
  parseCounts,
  parsePercents,
  parsePositive,
  parseTarget,
  parseTargets,
} from '../program.js';
import { benchRunningCluster } from './running-cluster.js';
import { TXN_MODES, type TxnMode, type TxnShape } from './txn-work.js';
import { PEERS, type Peer } from './vs/row.js';
import { chooseRows, usualRowsOf } from './vs/rows.js';
import { benchVersus } from './vs/run.js';
import { WORKLOAD_DOC, WORKLOADS, type Workload } from './workload.js';

interface BenchOptions {
  readonly scheduler?: string;
  readonly tag?: string;
  readonly gateway?: string;
  readonly status?: string;
  readonly clients: readonly number[];
  readonly mode?: readonly TxnMode[];
  readonly conflict: readonly number[];
  readonly regions: 1 | 2;
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

const DEFAULT_GATEWAY = '127.0.0.1:6379';
const DEFAULT_STATUS = ['127.0.0.1:20180', '127.0.0.1:20181', '127.0.0.1:20182'];

/** `tinykv bench`; `finish` takes the exit code. */
export function benchCommand(openEnv: () => Env, finish: (code: number) => void): Command {
  const command = new Command('bench')
    .description('Measures a running cluster, or with --vs compares one of its own with a peer.')
    .argument('[workload...]', `${WORKLOADS.join(', ')} (default: all)`)
    .option(
      '--scheduler <host:port,…>',
      'schedulers of the cluster (env: TINYKV_SCHEDULER)',
      parseTargets,
    )
    .option('--tag <name>', 'the playground with this tag')
    .option(
      '--gateway <host:port>',
      `its gateway (default: that of the playground, else ${DEFAULT_GATEWAY})`,
      parseTarget,
    )
    .option(
      '--status <host:port,…>',
      `status pages of its stores, for fsyncs (default: those of the playground, else ${DEFAULT_STATUS.join(',')})`,
      parseTargets,
    )
    .addOption(
      new Option('--clients <n,…>', 'operations in flight, with --rate at most')
        .argParser(parseCounts)
        .default([64], '64'),
    )
    .option(
      '--mode <mode,…>',
      `of txn: ${TXN_MODES.join(', ')} (default: as clients commit without being told)`,
      parseModes,
    )
    .addOption(
      new Option(
        '--conflict <percent,…>',
        'of txn: how many use a key that all share; others have keys of their own',
      )
        .argParser(parsePercents)
        .default([0], '0'),
    )
    .option(
      '--regions <1|2>',
      'of txn: in how many Regions its two keys lie; for 2 one is split',
      parseRegions,
      1,
    )
    .option(
      '--rate <n>',
      'open loop: operations a second, sent at their times (with --vs: default as rows say)',
      parsePositive,
    )
    .option('--seconds <n>', 'for each workload (default: 10; with --vs 2.5)', parsePositive)
    .option('--warm-up <n>', 'seconds before each (default: 1; with --vs 0.5)', parseAmount)
    .option('--keys <n>', 'different keys', parseCount, 10_000)
    .option('--value-size <bytes>', 'bytes of a value', parseCount, 256)
    .addOption(new Option('--vs <peer>', 'start ours and the peer, and compare').choices(PEERS))
    .option(
      '--rows <name,…>',
      'with --vs: rows to run, * stands for anything (default: the usual ones)',
    )
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
    if (peer === undefined) refuse(command, VERSUS_ONLY, 'needs --vs');
    else refuse(command, RUNNING_ONLY, 'has no meaning with --vs');
    const code =
      peer === undefined
        ? await runOnCluster(openEnv, command, names, options)
        : await runVersus(openEnv, peer, names, options);
    finish(code);
  });
}

/** The rows of transactions, as `--rows` would name them. */
const TXN_PATTERN = TXN_MODES.map((mode) => `txn-${mode}-*`).join(',');

const VERSUS_ONLY = ['rows', 'rounds', 'maxForeign'] as const;
const TXN_ONLY = ['mode', 'conflict', 'regions'] as const;
const CLUSTER_ONLY = ['scheduler', 'tag', 'gateway', 'status'] as const;
const RUNNING_ONLY = [...CLUSTER_ONLY, 'clients', ...TXN_ONLY] as const;

/** Options that mean nothing in this mode are a mistake, not a wish. */
function refuse(command: Command, names: readonly string[], why: string): void {
  for (const option of command.options) {
    const name = option.attributeName();
    if (!names.includes(name) || command.getOptionValueSource(name) !== 'cli') continue;
    throw new CliError(`${option.long ?? name} ${why}`, EXIT.usage);
  }
}

async function runOnCluster(
  openEnv: () => Env,
  command: Command,
  names: readonly string[],
  options: BenchOptions,
): Promise<number> {
  const workloads = parseWorkloads(names);
  if (!workloads.includes('txn')) refuse(command, TXN_ONLY, 'needs the workload txn');
  const found = await findCluster(options);
  return benchRunningCluster(openEnv(), workloads, {
    scheduler: found.scheduler,
    gateway: options.gateway ?? found.gateway ?? DEFAULT_GATEWAY,
    statusPages: options.status?.split(',') ?? found.statusPages ?? DEFAULT_STATUS,
    clients: options.clients,
    shapes: shapesOf(options),
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
  const isTxn = names.length === 1 && names[0] === 'txn' && options.rows === undefined;
  if (names.length > 0 && !isTxn) {
    const why = 'with --vs, rows are chosen by --rows, or all of transactions by txn';
    throw new CliError(why, EXIT.usage);
  }
  const rows = chooseRows(peer, isTxn ? TXN_PATTERN : options.rows);
  if ('problem' in rows) throw new CliError(rows.problem, EXIT.usage);
  return benchVersus(openEnv(), {
    peer,
    rows,
    rounds: options.rounds,
    maxForeign: options.maxForeign,
    seconds: options.seconds ?? 2.5,
    warmUpSeconds: options.warmUp ?? 0.5,
    rate: options.rate,
    keys: options.keys,
    valueBytes: options.valueSize,
    json: options.json === true,
  });
}

function shapesOf({ mode: modes, conflict, regions }: BenchOptions): readonly TxnShape[] {
  return (modes ?? [undefined]).flatMap((mode) =>
    conflict.map((percent) => ({ mode, conflict: percent, regions })),
  );
}

function parseModes(text: string): readonly TxnMode[] {
  return text.split(',').map((name) => {
    const mode = TXN_MODES.find((known) => known === name);
    if (mode === undefined) throw new InvalidArgumentError(`There are ${TXN_MODES.join(', ')}.`);
    return mode;
  });
}

function parseRegions(text: string): 1 | 2 {
  if (text !== '1' && text !== '2') throw new InvalidArgumentError('It must be 1 or 2.');
  return text === '1' ? 1 : 2;
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
Without --vs the cluster is found as "tinykv ctl" finds it; "tinykv ctl --help" says how.

Workloads:
${WORKLOADS.map((name) => `  ${name.padEnd(8)} ${WORKLOAD_DOC[name]}`).join('\n')}

Rows:
${PEERS.map((peer) => `  ${peer.padEnd(6)} ${usualRowsOf(peer).join(' ')}`).join('\n')}
  and against etcd, when named, txn-MODE-CLIENTS and txn-MODE-CLIENTS-cPERCENT:
  MODE is ${TXN_MODES.join(', ')}, CLIENTS 1, 16, 64 or 256, PERCENT of conflicts 10 or 50

With --rate a latency counts from the time an operation should have been sent, so a stall shows in all that
it held up. With --vs both systems run on this machine, in turns; each figure is the median of its rounds,
a ratio the median of the rounds' ratios. A round in which other processes used more than --max-foreign
cores is void and repeated.

Examples:
  tinykv bench raw-put --clients 256 --seconds 30
  tinykv bench raw-get --rate 5000 --json
  tinykv bench txn --mode 1pc,async,2pc --clients 1,16,64,256 --conflict 0,10,50
  tinykv bench --vs etcd --rows raw-put-256,get-1 --rounds 7 --json
  tinykv bench txn --vs etcd --rounds 3
  tinykv bench --vs etcd --rows 'txn-1pc-*,txn-2pc-64*' --rounds 3`;
