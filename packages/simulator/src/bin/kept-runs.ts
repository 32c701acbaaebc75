import type { WorkloadName } from '../run/plan.js';
import type { SeedVerdict } from './long-record.js';

/** The record of a block of seeds of a long run: a line that a person can read, and no histories. */
export interface KeptRun {
  readonly commit: string;
  /** Seeds that ran, failed ones among them, as ranges: `1-50,52`. */
  readonly seeds: string;
  readonly failed: readonly KeptFailure[];
}

interface KeptFailure {
  readonly seed: number;
  readonly workload: WorkloadName;
  readonly oracle: string;
  readonly message: string;
}

const MESSAGE_CHARS_MAX = 300;

export function keptRunOf(commit: string, verdicts: readonly SeedVerdict[]): KeptRun {
  const failed = verdicts.flatMap(({ seed, workload, violations: [first] }) => {
    if (first === undefined) return [];
    const message = first.message.slice(0, MESSAGE_CHARS_MAX);
    return [{ seed, workload, oracle: first.oracle, message }];
  });
  return { commit, seeds: rangesOf(verdicts.map(({ seed }) => seed)), failed };
}

/** The verdicts that kept runs stand for, in order. The workload of a seed that passed is not kept. */
export function verdictsOf(runs: readonly KeptRun[]): SeedVerdict[] {
  return runs.flatMap(({ commit, seeds, failed }) =>
    seedsOf(seeds).map((seed) => {
      const failure = failed.find((each) => each.seed === seed);
      if (failure === undefined) return { commit, seed, workload: 'all', violations: [] };
      const { workload, oracle, message } = failure;
      return { commit, seed, workload, violations: [{ oracle, message, history: [] }] };
    }),
  );
}

function rangesOf(seeds: readonly number[]): string {
  const sorted = [...seeds].sort((a, b) => a - b);
  const ranges: { first: number; last: number }[] = [];
  for (const seed of sorted) {
    const range = ranges.at(-1);
    if (range !== undefined && seed === range.last + 1) range.last = seed;
    else ranges.push({ first: seed, last: seed });
  }
  return ranges
    .map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`))
    .join(',');
}

function seedsOf(ranges: string): number[] {
  return ranges
    .split(',')
    .filter((range) => range !== '')
    .flatMap((range) => {
      const [first = 0, last = first] = range.split('-').map(Number);
      return Array.from({ length: last - first + 1 }, (_, i) => first + i);
    });
}
