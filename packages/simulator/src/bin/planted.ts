import { join } from 'node:path';
import { mutants as allMutants } from '../mutants/index.js';
import { EXIT } from './arguments.js';
import { currentCommit, isDirty, recordsPath, resultsFolder } from './commit.js';
import { trySeeds } from './convict.js';
import { writeCounts } from './counts.js';
import { writePage } from './planted-page.js';
import { type PlantedRecord, plantedTable, progressOf, verdictOf } from './planted-record.js';
import { Pool, runFresh } from './pool.js';
import { Progress } from './progress.js';
import { ResultsFile } from './results-file.js';

/** Seeds between two lines in the file of results. */
const BLOCK_SEEDS = 50;

export interface PlantedOptions {
  readonly seeds: number;
  readonly mutant?: readonly string[];
  readonly jobs: number;
  readonly counts?: string;
  /** Run nothing: write what the records say into the page. */
  readonly table?: boolean;
}

/** `pnpm sim planted`: does what is broken on purpose get convicted, and how soon? */
export async function runPlanted(options: PlantedOptions): Promise<number> {
  const { seeds, mutant: names, jobs, counts } = options;
  if (options.table === true) {
    writePage(allMutants);
    return EXIT.ok;
  }
  const mutants = allMutants.filter(({ name }) => names?.includes(name) ?? true);
  const file = new ResultsFile<PlantedRecord>(join(resultsFolder, 'planted.jsonl'));
  const commit = currentCommit();
  // Nobody knows which files a dirty tree had.
  const kept = new ResultsFile<PlantedRecord>(recordsPath('planted', commit));
  const known = isDirty(commit) ? [] : [...kept.read(), ...file.read()];
  const records = progressOf(known, commit);
  const progress = new Progress();
  for (const mutant of mutants) {
    const { name } = mutant;
    const before = records.get(name);
    let record = before ?? { commit, mutant: name, tried: 0 };
    const pool = new Pool(jobs);
    try {
      while (record.seed === undefined && record.tried < seeds) {
        const last = Math.min(seeds, record.tried + BLOCK_SEEDS);
        record = await trySeeds(mutant, record, last, {
          run: (next, onReport) => pool.run(next, onReport),
          runFresh,
          onSeed: (seed) => progress.show(() => `${name}: seed ${seed}`),
          onGuiltless: (seed) => progress.note(`${name}: seed ${seed} fails without it too`),
        });
        file.append(record);
      }
    } finally {
      pool.stop();
    }
    // The findings of another run stand in the records already.
    if (record !== before) kept.append(record);
    records.set(name, record);
    progress.note(describe(record));
  }
  const results = mutants.map(({ name }) => records.get(name)!);
  if (!isDirty(commit)) writePage(allMutants);
  const { convicted, median, good } = verdictOf(results);
  progress.print(plantedTable(mutants, records));
  const half = Number.isFinite(median) ? `half of all by seed ${median}` : 'not even half of all';
  progress.print(`${convicted} of ${mutants.length} convicted, ${half}, commit ${commit}`);
  // What the share allows to be missed is no failure.
  const failed = good ? 0 : Math.max(1, mutants.length - convicted);
  writeCounts(counts, { passed: convicted, failed });
  return good ? EXIT.ok : EXIT.violation;
}

function describe({ mutant, tried, seed, oracle }: PlantedRecord): string {
  return seed === undefined
    ? `${mutant}: none of ${tried} seeds`
    : `${mutant}: seed ${seed}, ${oracle}`;
}
