import type { WorkloadName } from '../run/plan.js';

/** One place of a mistake: `find` stands exactly once in the file. */
export interface Edit {
  /** From the root of the repository: `packages/raft/src/log.ts`. */
  readonly file: string;
  /** Whole statements of the file as it is, with their indentation. */
  readonly find: string;
  readonly replace: string;
}

/** A mistake that the simulator must convict. It is planted when a worker loads the file, never in the product. */
export interface Mutant {
  /** Begins with the package of its first edit. */
  readonly name: string;
  readonly edits: readonly Edit[];
  /** The rule that it breaks, and which oracle ought to see it. */
  readonly breaks: string;
  /** A hint for hunting; convictions count from the seeds of the suite, whatever their workload. */
  readonly workload?: WorkloadName;
}

/** Tells a worker process which mutant it loads. */
export const MUTANT_VARIABLE = 'TINYKV_MUTANT';
