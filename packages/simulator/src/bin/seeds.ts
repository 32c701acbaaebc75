import type { Profile } from '../faults/fault.js';
import { type PlanOptions, type WorkloadName, workloadNames } from '../run/plan.js';

/** Every so many seeds one is run twice, in two processes. */
const TWICE_EVERY = 20;

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

export function isRunTwice(seed: number): boolean {
  return seed % TWICE_EVERY === 0;
}
