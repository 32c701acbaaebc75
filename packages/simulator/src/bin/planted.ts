import { join } from 'node:path';
import { mutants as allMutants } from '../mutants/index.js';
import type { Mutant } from '../mutants/mutant.js';
import { EXIT } from './arguments.js';
import { currentCommit, isDirty, recordsPath, resultsFolder } from './commit.js';
import { trySeeds } from './convict.js';
import { writeCounts } from './counts.js';
import { writePage } from './planted-page.js';
import {
  latestOf,
  type PlantedRecord,
  plantedTable,
  startOf,
  verdictOf,
} from './planted-record.js';
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
  /** Only seeds of the workload that the mutant names: a fifth of the time, for a bound of the seed. */
  readonly hinted?: boolean;
  /** Leave out what has been convicted on whatever commit. */
  readonly open?: boolean;
  /** Run nothing: write what the records say into the page. */
  readonly table?: boolean;
}

/** `pnpm sim planted`: does what is broken on purpose get convicted, and how soon? */
export async function runPlanted(options: PlantedOptions): Promise<number> {
  if (options.table === true) {
    writePage(allMutants);
    return EXIT.ok;
  }
  const chosen = allMutants.filter(({ name }) => options.mutant?.includes(name) ?? true);
  const commit = currentCommit();
  const hunt = new Hunt(options, commit);
  const progress = hunt.progress;
  const isOpen = ({ name }: Mutant): boolean => hunt.latest().get(name)?.seed === undefined;
  for (const mutant of chosen) {
    if (options.open === true && !isOpen(mutant)) continue;
    progress.note(describe(await hunt.run(mutant)));
  }
  const latest = hunt.latest();
  const results = chosen.map(({ name }) => latest.get(name)!);
  if (!isDirty(commit)) writePage(allMutants);
  const { convicted, median, good } = verdictOf(results);
  progress.print(plantedTable(chosen, latest));
  const half = Number.isFinite(median) ? `half of all by seed ${median}` : 'not even half of all';
  progress.print(`${convicted} of ${chosen.length} convicted, ${half}, commit ${commit}`);
  // Mutants that the share allows to be missed are no failure.
  const failed = good ? 0 : Math.max(1, chosen.length - convicted);
  writeCounts(options.counts, { passed: convicted, failed });
  return good ? EXIT.ok : EXIT.violation;
}

/** Hunts mutants on one commit, and keeps what each hunt has found. */
class Hunt {
  readonly progress = new Progress();
  readonly #options: PlantedOptions;
  readonly #commit: string;
  readonly #file = new ResultsFile<PlantedRecord>(join(resultsFolder, 'planted.jsonl'));
  readonly #kept: ResultsFile<PlantedRecord>;
  readonly #found: PlantedRecord[] = [];

  constructor(options: PlantedOptions, commit: string) {
    this.#options = options;
    this.#commit = commit;
    this.#kept = new ResultsFile<PlantedRecord>(recordsPath('planted', commit));
  }

  /** The last word on each mutant: of all commits with `open`, of this one otherwise. */
  latest(): ReadonlyMap<string, PlantedRecord> {
    const records = this.#known();
    return latestOf(
      this.#options.open === true
        ? records
        : records.filter(({ commit }) => commit === this.#commit),
    );
  }

  #known(): PlantedRecord[] {
    // Nobody knows which files a dirty tree had: what it found earlier is not taken up again.
    if (isDirty(this.#commit)) return this.#found;
    return [...this.#kept.read(), ...this.#file.read(), ...this.#found];
  }

  async run(mutant: Mutant): Promise<PlantedRecord> {
    const { seeds, jobs, hinted } = this.#options;
    const { name, workload } = mutant;
    const only = hinted === true && workload !== undefined ? { only: workload } : {};
    const begin = { commit: this.#commit, mutant: name, tried: 0, ...only };
    const before = startOf(this.#known(), begin);
    let record = before;
    const pool = new Pool(jobs);
    try {
      while (record.seed === undefined && record.tried < seeds) {
        const last = Math.min(seeds, record.tried + BLOCK_SEEDS);
        record = await trySeeds(mutant, record, last, {
          run: (next, onReport) => pool.run(next, onReport),
          runFresh,
          onSeed: (seed) => this.progress.show(() => `${name}: seed ${seed}`),
          onGuiltless: (seed) => this.progress.note(`${name}: seed ${seed} fails without it too`),
        });
        this.#file.append(record);
      }
    } finally {
      pool.stop();
    }
    // The findings of another run stand in the records already.
    if (record !== before) this.#kept.append(record);
    this.#found.push(record);
    return record;
  }
}

function describe({ mutant, tried, seed, oracle }: PlantedRecord): string {
  return seed === undefined
    ? `${mutant}: none of ${tried} seeds`
    : `${mutant}: seed ${seed}, ${oracle}`;
}
