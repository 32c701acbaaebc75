import type { Profile } from '../faults/fault.js';
import { type PlanOptions, type WorkloadName, workloadNames } from '../run/plan.js';

/** Every so many seeds one is run twice, in two processes. Not a multiple of the workloads, which take turns. */
const TWICE_EVERY = 21;

export interface SeedChoice {
  readonly profile: Profile;
  /** Missing: each seed takes the next. */
  readonly workload?: WorkloadName;
  readonly mutant?: string;
}

export function planOf(
  seed: number,
  { profile, workload = workloadOf(seed), mutant }: SeedChoice,
): PlanOptions {
  return { seed, profile, workload, ...(mutant === undefined ? {} : { mutant }) };
}

/** Seeds take turns between the workloads. */
export function workloadOf(seed: number): WorkloadName {
  return workloadNames[seed % workloadNames.length]!;
}

/** From the workload whose runs take most to the one whose runs take least. */
const byCost: readonly WorkloadName[] = ['all', 'txn', 'churn', 'redis', 'raw'];

/** Seeds that are run by several workers: the last ones are short, so that no worker waits long for another. */
export function costliestFirst(seeds: readonly number[]): number[] {
  const rank = (seed: number): number => byCost.indexOf(workloadOf(seed));
  return [...seeds].sort((a, b) => rank(a) - rank(b));
}

export function isRunTwice(seed: number): boolean {
  return seed % TWICE_EVERY === 0;
}
