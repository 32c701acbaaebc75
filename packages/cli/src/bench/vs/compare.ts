import { runClosedLoop } from '../driver.js';
import { runOpenLoop } from '../open-loop.js';
import { type RoundFigures, roundFigures } from './figures.js';
import { needsAnother, type Round, type RoundRule } from './rounds.js';
import type { Row } from './row.js';
import type { Pair, Side } from './side.js';
import { CLIENT, type ProcessRef, sampleUsage, usageBetween } from './usage.js';

export interface CompareOptions extends RoundRule {
  /** Of each side in each round, and of its warm-up before. */
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** Open loops: operations a second in place of what rows say. */
  readonly rate: number | undefined;
  /** Processes that are ours to answer for, idle ones of the other side included. */
  readonly watched: readonly ProcessRef[];
  readonly onRound: (round: Round, number: number) => void;
  /** Throws when there is no point in going on: what is measured has ended, or shall end. */
  readonly checkAlive: () => void;
}

/** Operations of one side that failed, warm-ups included. */
export interface SideErrors {
  readonly errors: number;
  readonly firstError: string | undefined;
}

export interface Comparison {
  readonly rounds: readonly Round[];
  readonly errors: { readonly ours: SideErrors; readonly peer: SideErrors };
}

/** Counts what fails on one side over all rounds. */
class ErrorCount {
  #errors = 0;
  #firstError: string | undefined;

  add(errors: number, firstError: string | undefined): void {
    this.#errors += errors;
    this.#firstError ??= firstError;
  }

  get sum(): SideErrors {
    return { errors: this.#errors, firstError: this.#firstError };
  }
}

/** Ours and the peer in turns, never both at work, until enough rounds were quiet. */
export async function comparePair(
  row: Row,
  { ours, peer }: Pair,
  options: CompareOptions,
): Promise<Comparison> {
  const rounds: Round[] = [];
  const errors = { ours: new ErrorCount(), peer: new ErrorCount() };
  // A first turn that does not count: servers in JavaScript are compiled while they work.
  await warmUp(row, ours, errors.ours, options.seconds);
  await warmUp(row, peer, errors.peer, options.seconds);
  while (needsAnother(rounds, options)) {
    const round = {
      ours: await measureSide(row, ours, errors.ours, options),
      peer: await measureSide(row, peer, errors.peer, options),
    };
    options.checkAlive();
    rounds.push(round);
    options.onRound(round, rounds.length);
  }
  return { rounds, errors: { ours: errors.ours.sum, peer: errors.peer.sum } };
}

async function warmUp(row: Row, side: Side, errors: ErrorCount, seconds: number): Promise<void> {
  const { operation } = side;
  const { errors: failed, firstError } = await runClosedLoop(operation, {
    clients: row.clients,
    seconds,
  });
  errors.add(failed, firstError);
}

async function measureSide(
  row: Row,
  side: Side,
  errors: ErrorCount,
  { seconds, warmUpSeconds, watched, rate = row.rate }: CompareOptions,
): Promise<RoundFigures> {
  await warmUp(row, side, errors, warmUpSeconds);
  const { clients, depth: batch } = row;
  const refs = [CLIENT, ...watched];
  const fsyncsBefore = await side.fsyncs();
  const before = sampleUsage(refs);
  const loop = { clients, batch, seconds };
  const measurement = await (rate === undefined
    ? runClosedLoop(side.operation, loop)
    : runOpenLoop(side.operation, { ...loop, rate }));
  const usage = usageBetween(before, sampleUsage(refs));
  const fsyncsAfter = await side.fsyncs();
  errors.add(measurement.errors, measurement.firstError);
  const isKnown = fsyncsBefore !== undefined && fsyncsAfter !== undefined;
  return roundFigures({
    measurement,
    usage,
    servers: side.servers.map(({ name }) => name),
    fsyncs: isKnown ? fsyncsAfter - fsyncsBefore : undefined,
  });
}
