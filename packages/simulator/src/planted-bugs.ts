import type { WorkloadName } from './run/plan.js';

/** A mistake that `env.planted(name)` switches on in production code; every one must be found. */
export interface PlantedBug {
  readonly name: string;
  readonly package: string;
  /** The promise that it breaks. */
  readonly breaks: string;
  /** The workload that meets it soonest. */
  readonly workload: WorkloadName;
}

export const plantedBugs: readonly PlantedBug[] = [];
