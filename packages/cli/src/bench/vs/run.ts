import type { Env } from '@tinykv/base';
import { EXIT } from '@tinykv/server';
import { CliError } from '../../program.js';
import type { KeySpace } from '../workload.js';
import { comparePair } from './compare.js';
import { installPeer } from './install.js';
import { raftLogPair } from './raft-log-work.js';
import {
  hasErrors,
  type RowResult,
  roundLine,
  rowHeading,
  rowJson,
  rowReport,
  rowResult,
  summary,
} from './report.js';
import { Resources } from './resources.js';
import { isVoid, type RoundRule } from './rounds.js';
import type { Peer } from './row.js';
import { inRunningOrder, ROWS, type RowName } from './rows.js';
import type { Pair } from './side.js';
import { PEER_DOC, type Systems, startSystems } from './systems.js';

export interface VersusOptions extends KeySpace, RoundRule {
  readonly peer: Peer;
  /** In the order of the report. */
  readonly rows: readonly RowName[];
  /** Of each side in each round, and of its warm-up before. */
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** Open loops: operations a second in place of what rows say. */
  readonly rate: number | undefined;
  /** A last line of JSON for programs. */
  readonly json: boolean;
}

/** Starts both systems, compares them row by row, ends them; resolves with the exit code. */
export async function benchVersus(env: Env, options: VersusOptions): Promise<number> {
  if (process.platform !== 'linux') {
    throw new CliError('the comparison needs Linux: it reads /proc');
  }
  const resources = new Resources();
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  let onSignal: NodeJS.SignalsListener = () => undefined;
  const interrupted = new Promise<'interrupted'>((resolve) => {
    onSignal = () => {
      // The second time there is no waiting for a good end.
      if (resources.isClosed) process.exit(EXIT.failure);
      resolve('interrupted');
    };
  });
  for (const signal of signals) process.on(signal, onSignal);
  try {
    const outcome = await Promise.race([compareRows(env, resources, options), interrupted]);
    if (outcome !== 'interrupted') return outcome;
    print('interrupted: ending what was started');
    await resources.close();
    // Requests to what has just ended would be waited for.
    return process.exit(EXIT.failure);
  } finally {
    await resources.close();
    for (const signal of signals) process.off(signal, onSignal);
  }
}

async function compareRows(
  env: Env,
  resources: Resources,
  options: VersusOptions,
): Promise<number> {
  const { peer, rows } = options;
  let systems: Systems | undefined;
  if (rows.some((name) => name !== 'raftlog')) {
    installPeer(peer, print);
    print(`starting a playground of 3 stores and ${PEER_DOC[peer]}`);
    systems = await startSystems(peer, env, resources, options);
    print('they work in turns: the other one is alive meanwhile, but idle');
  }
  const results = new Map<RowName, RowResult>();
  for (const name of inRunningOrder(rows)) {
    const result = await compareRow(name, systems, resources, options);
    results.set(name, result);
    print(rowReport(result));
  }
  const inOrder = rows.map((name) => results.get(name)).filter((result) => result !== undefined);
  print(`\n${summary(inOrder)}`);
  if (options.json) print(JSON.stringify({ rows: inOrder.map(rowJson) }));
  return inOrder.some(hasErrors) ? EXIT.failure : EXIT.ok;
}

async function compareRow(
  name: RowName,
  systems: Systems | undefined,
  resources: Resources,
  options: VersusOptions,
): Promise<RowResult> {
  const pair = await openPair(name, systems, resources);
  const { ours, peer } = pair;
  print(`\n${rowHeading(name, ours.system, peer.system)}`);
  try {
    const comparison = await comparePair(ROWS[name], pair, {
      ...options,
      watched: systems?.processes ?? [],
      onRound: (round, number) => print(roundLine(round, number, isVoid(round, options))),
      checkAlive: () => {
        resources.checkOpen();
        systems?.checkAlive();
      },
    });
    return rowResult(name, { ours: ours.system, peer: peer.system }, comparison, options);
  } finally {
    await ours.close();
    await peer.close();
  }
}

function openPair(
  name: RowName,
  systems: Systems | undefined,
  resources: Resources,
): Promise<Pair> {
  if (name === 'raftlog') return raftLogPair(resources);
  if (systems === undefined) throw new Error(`${name} needs servers`);
  return systems.openPair(name);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
