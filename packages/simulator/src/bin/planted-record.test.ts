import { describe, expect, it } from 'vitest';
import type { PlantedBug } from '../planted-bugs.js';
import { type PlantedRecord, plantedTable, progressOf, verdictOf } from './planted-record.js';

function convicted(bug: string, seed: number): PlantedRecord {
  return { commit: 'a', bug, tried: seed, seed, oracle: 'linearizability' };
}

function escaped(bug: string): PlantedRecord {
  return { commit: 'a', bug, tried: 500 };
}

describe('verdictOf', () => {
  const forty = Array.from({ length: 40 }, (_, i) => convicted(`bug-${i}`, i + 1));

  it('allows two of forty to escape', () => {
    expect(verdictOf(forty)).toEqual({ convicted: 40, median: 21, good: true });
    const two = [...forty.slice(2), escaped('x'), escaped('y')];
    expect(verdictOf(two)).toMatchObject({ convicted: 38, good: true });
    const three = [...two.slice(1), escaped('z')];
    expect(verdictOf(three)).toMatchObject({ convicted: 37, good: false });
  });

  it('wants half of them soon', () => {
    const slow = forty.map(({ bug }, i) => convicted(bug, i < 19 ? 1 : 51));
    expect(verdictOf(slow)).toEqual({ convicted: 40, median: 51, good: false });
  });

  it('finds nothing good in nothing', () => {
    expect(verdictOf([]).good).toBe(false);
    expect(verdictOf([escaped('x')])).toMatchObject({ convicted: 0, good: false });
  });
});

describe('planted results', () => {
  it('go on from the last line of this commit', () => {
    const other = { ...convicted('x', 3), commit: 'b' };
    const records = [{ ...escaped('x'), tried: 50 }, { ...escaped('x'), tried: 100 }, other];
    expect(progressOf(records, 'a')).toEqual(new Map([['x', { ...escaped('x'), tried: 100 }]]));
    expect(progressOf(records, 'c')).toEqual(new Map());
  });

  it('print as a table', () => {
    const bug = (name: string): PlantedBug => ({
      name,
      package: 'raft',
      breaks: 'one leader a term',
      workload: 'raw',
    });
    const records = new Map([
      ['vote-twice', convicted('vote-twice', 4)],
      ['x', escaped('x')],
    ]);
    expect(plantedTable([bug('vote-twice'), bug('x'), bug('new')], records)).toBe(
      [
        'bug         package  seeds        oracle',
        'vote-twice  raft     4            linearizability',
        'x           raft     none of 500  -',
        'new         raft     none of 0    -',
      ].join('\n'),
    );
  });
});
