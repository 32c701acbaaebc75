import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Mutant } from '../mutants/mutant.js';
import { recordsFolder, root } from './commit.js';
import { latestOf, type PlantedRecord } from './planted-record.js';
import { ResultsFile } from './results-file.js';

/** What stands between these lines of the page is generated. */
const BEGIN = '<!-- begin of the table of mutants: sim planted --table writes it -->';
const END = '<!-- end of the table of mutants -->';
const page = join(root, 'docs/internals/simulator.md');

/** The records of all commits that git keeps. */
export function keptRecords(): PlantedRecord[] {
  return new ResultsFile<PlantedRecord>(join(recordsFolder, 'planted.jsonl')).read();
}

/** Writes the table of the page anew. */
export function writePage(mutants: readonly Mutant[]): void {
  const text = readFileSync(page, 'utf8');
  writeFileSync(page, withTable(text, pageTable(mutants, keptRecords())));
}

export function readPage(): string {
  return readFileSync(page, 'utf8');
}

/** A row for each mutant, in the order of the source, with the last word of all commits on it. */
export function pageTable(mutants: readonly Mutant[], records: readonly PlantedRecord[]): string {
  const latest = latestOf(records);
  const rows = mutants.map(({ name, breaks }) => {
    return `| \`${name}\` | ${breaks.replaceAll('|', '\\|')} | ${verdictOn(latest.get(name))} |`;
  });
  return ['| mutant | what it breaks | convicted by |', '|---|---|---|', ...rows].join('\n');
}

function verdictOn(record: PlantedRecord | undefined): string {
  if (record === undefined) return 'not yet convicted';
  const { seed, oracle, tried } = record;
  if (seed === undefined) return `not yet convicted, ${tried} seeds`;
  return `seed ${seed}, ${oracle}`;
}

export function withTable(text: string, table: string): string {
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (begin < 0 || end < begin)
    throw new Error(`the page has no place between ${BEGIN} and ${END}`);
  return `${text.slice(0, begin + BEGIN.length)}\n\n${table}\n\n${text.slice(end)}`;
}
