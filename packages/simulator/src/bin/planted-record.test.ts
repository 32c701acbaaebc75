import { describe, expect, it } from 'vitest';
import type { Mutant } from '../mutants/mutant.js';
import {
  latestOf,
  type PlantedRecord,
  plantedTable,
  startOf,
  verdictOf,
} from './planted-record.js';

function convicted(mutant: string, seed: number): PlantedRecord {
  return { commit: 'a', mutant, tried: seed, seed, oracle: 'linearizability' };
}

function escaped(mutant: string): PlantedRecord {
  return { commit: 'a', mutant, tried: 500 };
}

describe('verdictOf', () => {
  const forty = Array.from({ length: 40 }, (_, i) => convicted(`mutant-${i}`, i + 1));

  it('allows two of forty to escape', () => {
    expect(verdictOf(forty)).toEqual({ convicted: 40, median: 21, good: true });
    const two = [...forty.slice(2), escaped('x'), escaped('y')];
    expect(verdictOf(two)).toMatchObject({ convicted: 38, good: true });
    const three = [...two.slice(1), escaped('z')];
    expect(verdictOf(three)).toMatchObject({ convicted: 37, good: false });
  });

  it('wants half of them soon', () => {
    const slow = forty.map(({ mutant }, i) => convicted(mutant, i < 19 ? 1 : 31));
    expect(verdictOf(slow)).toEqual({ convicted: 40, median: 31, good: false });
  });

  it('finds nothing good in nothing', () => {
    expect(verdictOf([]).good).toBe(false);
    expect(verdictOf([escaped('x')])).toMatchObject({ convicted: 0, good: false });
  });
});

describe('planted results', () => {
  it('go on from the last line of this commit', () => {
    const other = { ...convicted('x', 3), commit: 'b' };
    const half = { ...escaped('x'), tried: 100 };
    const records = [{ ...escaped('x'), tried: 50 }, half, other];
    const begin = { commit: 'a', mutant: 'x', tried: 0 };
    expect(startOf(records, begin)).toEqual(half);
    expect(startOf(records, { ...begin, commit: 'c' }).tried).toBe(0);
    expect(startOf(records, { ...begin, mutant: 'y' }).tried).toBe(0);
  });

  it('of one workload say nothing of the others, but convict for all', () => {
    const begin = { commit: 'a', mutant: 'x', tried: 0 };
    const redis = { ...escaped('x'), only: 'redis' } as const;
    expect(startOf([redis], begin)).toBe(begin);
    expect(startOf([redis], { ...begin, only: 'redis' })).toBe(redis);
    const found = { ...convicted('x', 7), only: 'redis' } as const;
    expect(startOf([found], begin)).toBe(found);
    const whole = escaped('x');
    expect(latestOf([whole, redis]).get('x')).toBe(whole);
    expect(latestOf([convicted('x', 30), redis]).get('x')?.seed).toBe(30);
    expect(latestOf([redis, found]).get('x')).toBe(found);
  });

  it('add up over commits, and a search that was cut short takes nothing back', () => {
    const first = convicted('x', 30);
    const short = { ...escaped('x'), commit: 'b', tried: 20 };
    const whole = { ...escaped('x'), commit: 'c' };
    const again = { ...convicted('x', 4), commit: 'd' };
    expect(latestOf([first, short]).get('x')).toBe(first);
    expect(latestOf([first, short, whole]).get('x')).toBe(whole);
    expect(latestOf([first, whole, again, short]).get('x')).toBe(short);
    expect(latestOf([]).size).toBe(0);
  });

  it('print as a table', () => {
    const mutant = (name: string): Mutant => ({ name, edits: [], breaks: 'one leader a term' });
    const records = new Map([
      ['vote-twice', convicted('vote-twice', 4)],
      ['x', escaped('x')],
    ]);
    expect(plantedTable([mutant('vote-twice'), mutant('x'), mutant('new')], records)).toBe(
      [
        'mutant      seeds        oracle',
        'vote-twice  4            linearizability',
        'x           none of 500  -',
        'new         none of 0    -',
      ].join('\n'),
    );
  });
});
