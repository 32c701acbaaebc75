import { InvalidArgumentError } from 'commander';
import type { Profile } from '../faults/fault.js';
import { mutants } from '../mutants/index.js';
import type { WorkloadName } from '../run/plan.js';

export const EXIT = { ok: 0, violation: 1, usage: 2 } as const;

/** What is wrong with a command line that commander has accepted. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const profiles: readonly Profile[] = ['light', 'dense', 'swarm'];

export interface SimOptions {
  readonly seed?: number;
  readonly seeds?: number;
  readonly from: number;
  readonly plan?: string;
  readonly profile: Profile;
  readonly workload?: WorkloadName;
  readonly jobs: number;
  readonly keepGoing?: boolean;
  readonly mutant?: string;
  readonly until?: number;
  readonly log?: boolean;
  readonly json?: boolean;
  readonly shrink?: boolean;
  readonly shrinkRuns: number;
  readonly out?: string;
}

/** For commander: a whole number that JavaScript holds exactly. */
export function parseNumber(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw new InvalidArgumentError('It must be a whole number.');
  }
  return value;
}

/** For commander: a whole number above zero. */
export function parseCount(text: string): number {
  const value = parseNumber(text);
  if (value < 1) throw new InvalidArgumentError('It must be above zero.');
  return value;
}

/** For commander: the name of a mutant. */
export function parseMutant(name: string): string {
  if (mutants.some((mutant) => mutant.name === name)) return name;
  throw new InvalidArgumentError(
    `No such mutant: ${name}. There are ${mutants.map((mutant) => mutant.name).join(', ')}.`,
  );
}

/** For commander: names of mutants, with commas. */
export function parseMutants(text: string): readonly string[] {
  return text
    .split(',')
    .filter((name) => name !== '')
    .map(parseMutant);
}

/** Options that commander takes but that make no sense together. */
export function checkOptions(options: SimOptions): void {
  const given = (['seed', 'seeds', 'plan'] as const).filter((name) => options[name] !== undefined);
  if (given.length === 0) throw new UsageError('say --seed, --seeds or --plan');
  if (given.length > 1) throw new UsageError(`--${given.join(' and --')} exclude each other`);
  if (options.until !== undefined && options.seeds !== undefined) {
    throw new UsageError('--until stops one run: say --seed or --plan');
  }
  if (options.shrink === true && options.until !== undefined) {
    throw new UsageError('--until and --shrink exclude each other');
  }
}
