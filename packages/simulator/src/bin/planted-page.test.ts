import { describe, expect, it } from 'vitest';
import { mutants } from '../mutants/index.js';
import type { Mutant } from '../mutants/mutant.js';
import { keptRecords, pageTable, readPage, withTable } from './planted-page.js';
import type { PlantedRecord } from './planted-record.js';

function mutant(name: string): Mutant {
  return { name, edits: [], breaks: 'One leader | a term.' };
}

function record(fields: Partial<PlantedRecord>): PlantedRecord {
  return { commit: 'a', mutant: 'x', tried: 40, ...fields };
}

describe('the table of mutants', () => {
  it('is in step with the mutants and the records', () => {
    const page = readPage();
    expect(
      withTable(page, pageTable(mutants, keptRecords())) === page,
      'run sim planted --table',
    ).toBe(true);
  });

  it('has a row for each mutant, convicted or not', () => {
    const records = [record({ tried: 7, seed: 7, oracle: 'bank' }), record({ mutant: 'y' })];
    expect(pageTable([mutant('x'), mutant('y'), mutant('z')], records)).toBe(
      [
        '| mutant | what it breaks | convicted by |',
        '|---|---|---|',
        '| `x` | One leader \\| a term. | seed 7, bank |',
        '| `y` | One leader \\| a term. | not yet convicted, 40 seeds |',
        '| `z` | One leader \\| a term. | not yet convicted |',
      ].join('\n'),
    );
  });

  it('refuses a page without its place', () => {
    expect(() => withTable('# a page', 'rows')).toThrow('the page has no place');
  });
});
