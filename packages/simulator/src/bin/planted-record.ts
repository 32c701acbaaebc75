import type { Mutant } from '../mutants/mutant.js';
import type { WorkloadName } from '../run/plan.js';

/** How far the search for one mutant's conviction has come. */
export interface PlantedRecord {
  readonly commit: string;
  readonly mutant: string;
  /** Seeds from 1 on that have been tried. */
  readonly tried: number;
  /** Seeds of this workload alone were tried; missing: all. */
  readonly only?: WorkloadName;
  /** The seed and the oracle that convicted it. */
  readonly seed?: number;
  readonly oracle?: string;
}

export const convictedShareMin = 0.95;
export const medianSeedsMax = 30;

/** Where a hunt begins, or goes on when this commit has hunted before among the same seeds. */
export function startOf(records: readonly PlantedRecord[], begin: PlantedRecord): PlantedRecord {
  const { commit, mutant, only } = begin;
  const isSame = (record: PlantedRecord): boolean =>
    record.commit === commit &&
    record.mutant === mutant &&
    (record.only === only || record.seed !== undefined);
  return records.findLast(isSame) ?? begin;
}

/** The last word of all commits on each mutant. A search that ended before the seed of an earlier conviction says nothing. */
export function latestOf(records: readonly PlantedRecord[]): ReadonlyMap<string, PlantedRecord> {
  const latest = new Map<string, PlantedRecord>();
  for (const record of records) {
    const known = latest.get(record.mutant);
    // A hunt among the seeds of one workload says nothing of the others.
    const isSearched = record.only === undefined || record.only === known?.only;
    const isNews =
      record.seed !== undefined ||
      known === undefined ||
      (isSearched && record.tried >= (known.seed ?? known.tried));
    if (isNews) latest.set(record.mutant, record);
  }
  return latest;
}

export interface PlantedVerdict {
  readonly convicted: number;
  /** Seeds needed; infinite when fewer than half are convicted. */
  readonly median: number;
  readonly good: boolean;
}

export function verdictOf(records: readonly PlantedRecord[]): PlantedVerdict {
  const needed = records
    .map(({ seed }) => seed ?? Number.POSITIVE_INFINITY)
    .sort((a, b) => (a < b ? -1 : 1));
  const convicted = needed.filter(Number.isFinite).length;
  // Of an even number the upper one of the two in the middle: no mean with infinity.
  const median = needed[Math.floor(needed.length / 2)] ?? Number.POSITIVE_INFINITY;
  const good = convicted >= convictedShareMin * records.length && median <= medianSeedsMax;
  return { convicted, median, good };
}

export function plantedTable(
  mutants: readonly Mutant[],
  records: ReadonlyMap<string, PlantedRecord>,
): string {
  const rows = mutants.map(({ name }) => {
    const { seed, oracle = '-', tried } = records.get(name) ?? { tried: 0 };
    return [name, seed === undefined ? `none of ${tried}` : `${seed}`, oracle];
  });
  const table = [['mutant', 'seeds', 'oracle'], ...rows];
  const widths = [0, 1].map((i) => Math.max(...table.map((row) => row[i]!.length)) + 2);
  return table.map((row) => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('')).join('\n');
}
