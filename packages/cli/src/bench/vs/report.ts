import { plainTable } from '../../playground/report.js';
import type { Comparison, SideErrors } from './compare.js';
import type { RoundFigures } from './figures.js';
import type { Spread } from './median.js';
import {
  type ChosenRounds,
  chooseRounds,
  foreignCores,
  type Round,
  type RoundRule,
} from './rounds.js';
import type { Row } from './row.js';
import { type RowFigures, rowFigures } from './row-figures.js';
import { ROWS, type RowName } from './rows.js';

/** One row with all that is said of it. */
export interface RowResult {
  readonly name: RowName;
  readonly ours: string;
  readonly peer: string;
  readonly chosen: ChosenRounds;
  readonly figures: RowFigures;
  readonly errors: Comparison['errors'];
}

export function rowResult(
  name: RowName,
  systems: { readonly ours: string; readonly peer: string },
  { rounds, errors }: Comparison,
  rule: RoundRule,
): RowResult {
  const chosen = chooseRounds(rounds, rule);
  return { name, ...systems, chosen, figures: rowFigures(ROWS[name], chosen), errors };
}

export function hasErrors({ errors }: RowResult): boolean {
  return errors.ours.errors + errors.peer.errors > 0;
}

/** Ahead of the rounds of a row. */
export function rowHeading(name: RowName, ours: string, peer: string): string {
  const row: Row = ROWS[name];
  const clients = `${row.clients} client${row.clients === 1 ? '' : 's'}`;
  return [`${name}: ${clients}`, `  ${ours}: ${row.ours}`, `  ${peer}: ${row.theirs}`].join('\n');
}

/** After each round, so that one can watch. */
export function roundLine(round: Round, number: number, isVoid: boolean): string {
  const side = (figures: RoundFigures): string =>
    `${decimals(figures.operationsPerSecond)} ops/s, p50 ${decimals(figures.p50Ms)} ms`;
  const foreign = decimals(foreignCores(round));
  const end = isVoid ? `; void: others used ${foreign} cores` : '';
  return `  round ${number}: ${side(round.ours)} | ${side(round.peer)}${end}`;
}

export function rowReport(result: RowResult): string {
  const { figures, ours, peer, errors } = result;
  const table = plainTable(
    [
      '',
      'ops/s',
      'p50 ms',
      'p99 ms',
      'others’ cores',
      'fdatasyncs/op',
      'writes/op',
      'client writes/op',
    ],
    [
      [`  ${ours}`, ...cells(figures.ours)],
      [`  ${peer}`, ...cells(figures.peer)],
    ],
  );
  return [
    `  ${ratioText(result)}`,
    table,
    cpuLine(ours, figures.ours),
    cpuLine(peer, figures.peer),
    `  CPU of an operation ${ours}/${peer}: ${spreadText(figures.cpuRatio)}`,
    ...errorLine(ours, errors.ours),
    ...errorLine(peer, errors.peer),
  ].join('\n');
}

/** All rows on one screen. */
export function summary(results: readonly RowResult[]): string {
  const lines = results.map(({ name, figures, chosen }) => [
    name,
    measureText(ROWS[name]),
    decimals(figures.ratio.median),
    decimals(figures.ratio.min),
    decimals(figures.ratio.max),
    String(chosen.rounds.length),
    `${chosen.voided}${chosen.isQuiet ? '' : ', not quiet'}`,
  ]);
  return plainTable(['row', 'ours/peer', 'ratio', 'min', 'max', 'rounds', 'void'], lines);
}

/** One row as a plain value. */
export function rowJson({ name, chosen, figures, errors }: RowResult): Record<string, unknown> {
  const { measure, clients, depth }: Row = ROWS[name];
  return {
    name,
    ratio: rounded(figures.ratio.median),
    min: rounded(figures.ratio.min),
    max: rounded(figures.ratio.max),
    measure,
    smallerIsBetter: measure === 'latency',
    clients,
    depth,
    rounds: chosen.rounds.length,
    void: chosen.voided,
    quiet: chosen.isQuiet,
    cpuRatio: rounded(figures.cpuRatio.median),
    ours: sideJson(figures.ours, errors.ours),
    peer: sideJson(figures.peer, errors.peer),
  };
}

function sideJson(figures: RoundFigures, errors: SideErrors): Record<string, unknown> {
  return {
    operationsPerSecond: Math.round(figures.operationsPerSecond),
    p50Ms: rounded(figures.p50Ms),
    p99Ms: rounded(figures.p99Ms),
    foreignCores: rounded(figures.foreignCores),
    cpuMicrosPerOperation: Object.fromEntries(
      Object.entries(figures.cpuMicros).map(([name, micros]) => [name, rounded(micros)]),
    ),
    fsyncsPerOperation: figures.fsyncs === undefined ? null : rounded(figures.fsyncs),
    writesPerOperation: figures.writes === undefined ? null : rounded(figures.writes),
    clientWritesPerOperation: rounded(figures.clientWrites),
    errors: errors.errors,
    ...(errors.firstError === undefined ? {} : { firstError: errors.firstError }),
  };
}

function ratioText({ name, ours, peer, figures, chosen }: RowResult): string {
  const what = `${measureText(ROWS[name])} ${ours}/${peer}`;
  const rounds = `${chosen.rounds.length} rounds, ${chosen.voided} void`;
  const warning = chosen.isQuiet ? '' : '; NOT QUIET: others were at work in rounds that count';
  return `${what}: ${spreadText(figures.ratio)}, ${rounds}${warning}`;
}

function measureText({ measure }: Row): string {
  return measure === 'latency' ? 'p50 (smaller is better)' : 'ops/s';
}

function spreadText({ median, min, max }: Spread): string {
  return `${decimals(median)} (${decimals(min)}–${decimals(max)})`;
}

function cells(figures: RoundFigures): string[] {
  const { fsyncs, writes } = figures;
  return [
    String(Math.round(figures.operationsPerSecond)),
    decimals(figures.p50Ms),
    decimals(figures.p99Ms),
    decimals(figures.foreignCores),
    fsyncs === undefined ? '-' : decimals(fsyncs),
    writes === undefined ? '-' : decimals(writes),
    decimals(figures.clientWrites),
  ];
}

function cpuLine(system: string, { cpuMicros }: RoundFigures): string {
  const each = Object.entries(cpuMicros).map(([name, micros]) => `${name} ${decimals(micros)}`);
  return `  CPU µs/op of ${system}: ${each.join(', ')}`;
}

function errorLine(system: string, { errors, firstError }: SideErrors): string[] {
  return errors === 0 ? [] : [`  ${system}: ${errors} errors, the first: ${firstError ?? ''}`];
}

/** Three digits that say something. */
function decimals(value: number): string {
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.1 || size === 0 ? 2 : 4);
}

function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
