import type { RoundFigures } from './figures.js';

/** The same work on both, one after the other. */
export interface Round {
  readonly ours: RoundFigures;
  readonly peer: RoundFigures;
}

export interface RoundRule {
  /** Rounds that count. */
  readonly rounds: number;
  /** Cores that others may use before a round is void. */
  readonly maxForeign: number;
}

/** Cores that other processes used during the worse half of a round. */
export function foreignCores({ ours, peer }: Round): number {
  return Math.max(ours.foreignCores, peer.foreignCores);
}

export function isVoid(round: Round, { maxForeign }: RoundRule): boolean {
  return foreignCores(round) > maxForeign;
}

/** A void round is repeated, at most as many times as there shall be rounds. */
export function needsAnother(done: readonly Round[], rule: RoundRule): boolean {
  const quiet = done.filter((round) => !isVoid(round, rule)).length;
  return quiet < rule.rounds && done.length < 2 * rule.rounds;
}

export interface ChosenRounds {
  readonly rounds: readonly Round[];
  readonly voided: number;
  /** False: the machine was too busy for enough rounds, and void ones are among these. */
  readonly isQuiet: boolean;
}

/** The quiet rounds; when there are too few, those that were disturbed least. */
export function chooseRounds(done: readonly Round[], rule: RoundRule): ChosenRounds {
  const quiet = done.filter((round) => !isVoid(round, rule));
  const voided = done.length - quiet.length;
  if (quiet.length >= rule.rounds) return { rounds: quiet, voided, isQuiet: true };
  const byForeign = [...done].sort((a, b) => foreignCores(a) - foreignCores(b));
  return { rounds: byForeign.slice(0, rule.rounds), voided, isQuiet: false };
}
