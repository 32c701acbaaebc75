import { join } from 'node:path';
import { plantedBugs } from '../planted-bugs.js';
import { EXIT } from './arguments.js';
import { currentCommit, isDirty, resultsFolder } from './commit.js';
import { trySeeds } from './convict.js';
import { writeCounts } from './counts.js';
import { type PlantedRecord, plantedTable, progressOf, verdictOf } from './planted-record.js';
import { Pool, runFresh } from './pool.js';
import { Progress } from './progress.js';
import { ResultsFile } from './results-file.js';

/** Seeds between two lines in the file of results. */
const BLOCK_SEEDS = 50;

export interface PlantedOptions {
  readonly seeds: number;
  readonly bug?: readonly string[];
  readonly jobs: number;
  readonly counts?: string;
}

/** `pnpm sim planted`: does what is broken on purpose get convicted, and how soon? */
export async function runPlanted(options: PlantedOptions): Promise<number> {
  const { seeds, bug: names, jobs, counts } = options;
  const bugs = plantedBugs.filter(({ name }) => names?.includes(name) ?? true);
  const file = new ResultsFile<PlantedRecord>(join(resultsFolder, 'planted.jsonl'));
  const commit = currentCommit();
  // Nobody knows which files a dirty tree had.
  const records = progressOf(isDirty(commit) ? [] : file.read(), commit);
  const progress = new Progress();
  for (const bug of bugs) {
    let record = records.get(bug.name) ?? { commit, bug: bug.name, tried: 0 };
    const pool = new Pool(jobs);
    try {
      while (record.seed === undefined && record.tried < seeds) {
        const last = Math.min(seeds, record.tried + BLOCK_SEEDS);
        record = await trySeeds(bug, record, last, {
          run: (next, onReport) => pool.run(next, onReport),
          runFresh,
          onSeed: (seed) => progress.show(() => `${bug.name}: seed ${seed}`),
          onGuiltless: (seed) => progress.note(`${bug.name}: seed ${seed} fails without it too`),
        });
        file.append(record);
      }
    } finally {
      pool.stop();
    }
    records.set(bug.name, record);
    progress.note(describe(record));
  }
  const results = bugs.map(({ name }) => records.get(name)!);
  const { convicted, median, good } = verdictOf(results);
  progress.print(plantedTable(bugs, records));
  const half = Number.isFinite(median) ? `half of all by seed ${median}` : 'not even half of all';
  progress.print(`${convicted} of ${bugs.length} convicted, ${half}, commit ${commit}`);
  // What the share allows to be missed is no failure.
  const failed = good ? 0 : Math.max(1, bugs.length - convicted);
  writeCounts(counts, { passed: convicted, failed });
  return good ? EXIT.ok : EXIT.violation;
}

function describe({ bug, tried, seed, oracle }: PlantedRecord): string {
  return seed === undefined ? `${bug}: none of ${tried} seeds` : `${bug}: seed ${seed}, ${oracle}`;
}
