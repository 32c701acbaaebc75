import type { RoundFigures } from './figures.js';
import { median, type Spread, spreadOf } from './median.js';
import type { ChosenRounds, Round } from './rounds.js';
import type { Row } from './row.js';

/** Ours by the peer's: of operations per second, or of median latencies. */
export function ratioOf({ ours, peer }: Round, measure: Row['measure']): number {
  return measure === 'latency'
    ? ours.p50Ms / peer.p50Ms
    : ours.operationsPerSecond / peer.operationsPerSecond;
}

export function cpuRatioOf({ ours, peer }: Round): number {
  return totalCpu(ours) / totalCpu(peer);
}

function totalCpu({ cpuMicros }: RoundFigures): number {
  return Object.values(cpuMicros).reduce((sum, micros) => sum + micros, 0);
}

/** Medians over the rounds of each figure. */
export function medianFigures(rounds: readonly RoundFigures[]): RoundFigures {
  const of = (pick: (figures: RoundFigures) => number): number => median(rounds.map(pick));
  const ofKnown = (pick: (figures: RoundFigures) => number | undefined): number | undefined => {
    const known = rounds.map(pick).filter((value) => value !== undefined);
    return known.length === 0 ? undefined : median(known);
  };
  const names = Object.keys(rounds[0]?.cpuMicros ?? {});
  return {
    operationsPerSecond: of((figures) => figures.operationsPerSecond),
    p50Ms: of((figures) => figures.p50Ms),
    p99Ms: of((figures) => figures.p99Ms),
    foreignCores: of((figures) => figures.foreignCores),
    cpuMicros: Object.fromEntries(
      names.map((name) => [name, of((figures) => figures.cpuMicros[name] ?? 0)]),
    ),
    fsyncs: ofKnown((figures) => figures.fsyncs),
    writes: ofKnown((figures) => figures.writes),
    clientWrites: of((figures) => figures.clientWrites),
  };
}

export interface RowFigures {
  readonly ratio: Spread;
  readonly cpuRatio: Spread;
  readonly ours: RoundFigures;
  readonly peer: RoundFigures;
}

export function rowFigures(row: Row, { rounds }: ChosenRounds): RowFigures {
  return {
    ratio: spreadOf(rounds.map((round) => ratioOf(round, row.measure))),
    cpuRatio: spreadOf(rounds.map(cpuRatioOf)),
    ours: medianFigures(rounds.map((round) => round.ours)),
    peer: medianFigures(rounds.map((round) => round.peer)),
  };
}
