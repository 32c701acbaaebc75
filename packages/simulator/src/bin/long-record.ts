import type { WorkloadName } from '../run/plan.js';
import type { Report } from './job.js';

/** The outcome of a run of a seed. */
export interface SeedVerdict {
  readonly commit: string;
  readonly seed: number;
  readonly workload: WorkloadName;
  readonly violations: Report['violations'];
}

/** One run of one seed with its figures, which stay on this machine. */
export interface SeedRecord extends SeedVerdict, Omit<Report, 'plan' | 'lines'> {}

/** Histories are left out: the seed brings them back. */
export function recordOf({ plan, lines: _, ...report }: Report, commit: string): SeedRecord {
  const violations = report.violations.map((violation) => ({ ...violation, history: [] }));
  const { seed, workload } = plan;
  return { commit, seed, workload, ...report, violations };
}

/** What all runs so far come to. */
export interface Ledger {
  /** The seed after the last. */
  readonly nextSeed: number;
  readonly seeds: number;
  readonly byCommit: ReadonlyMap<string, { readonly seeds: number; readonly failed: number }>;
  /** The last runs of the seeds that failed when they were last run. */
  readonly open: readonly SeedVerdict[];
  /** Seeds that have failed once and do so no more. */
  readonly settled: number;
}

export function ledgerOf(records: readonly SeedVerdict[]): Ledger {
  const last = new Map<number, SeedVerdict>();
  const everFailed = new Set<number>();
  const byCommit = new Map<string, { seeds: number; failed: number }>();
  for (const record of records) {
    const counts = byCommit.get(record.commit) ?? { seeds: 0, failed: 0 };
    byCommit.set(record.commit, counts);
    counts.seeds++;
    last.set(record.seed, record);
    if (record.violations.length === 0) continue;
    counts.failed++;
    everFailed.add(record.seed);
  }
  const open = [...last.values()].filter(({ violations }) => violations.length > 0);
  return {
    nextSeed: [...last.keys()].reduce((max, seed) => Math.max(max, seed), 0) + 1,
    seeds: last.size,
    byCommit,
    open,
    settled: everFailed.size - open.length,
  };
}

export function ledgerText({ seeds, byCommit, open, settled }: Ledger): string {
  const row = (name: string, count: number, failed: number): string =>
    `${name.padEnd(20)}${String(count).padStart(7)} seeds${String(failed).padStart(5)} failed`;
  return [
    ...[...byCommit].map(([commit, counts]) => row(commit, counts.seeds, counts.failed)),
    `${row('in all, each once', seeds, open.length)}, ${settled} failed once and do so no more`,
    ...open.map(({ seed, workload, commit, violations }) => {
      const { oracle, message } = violations[0]!;
      return `  seed ${seed}, workload ${workload}, commit ${commit}: ${oracle}: ${message}`;
    }),
  ].join('\n');
}
