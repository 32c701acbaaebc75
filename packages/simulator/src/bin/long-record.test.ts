import { describe, expect, it } from 'vitest';
import { sampleReport, staleRead } from '../testing/reports.js';
import { ledgerOf, ledgerText, recordOf, type SeedRecord } from './long-record.js';

function record(seed: number, commit: string, fails = false): SeedRecord {
  const report = sampleReport({ violations: fails ? [staleRead] : [] });
  return { ...recordOf(report, commit), seed };
}

describe('ledgerOf', () => {
  it('begins at seed 1', () => {
    expect(ledgerOf([])).toMatchObject({ nextSeed: 1, seeds: 0, open: [], settled: 0 });
  });

  it('goes on after the highest seed of any commit, whatever order they ended in', () => {
    const records = [record(2, 'a'), record(1, 'a'), record(3, 'b')];
    expect(ledgerOf(records)).toMatchObject({ nextSeed: 4, seeds: 3 });
  });

  it('calls a failure open until its seed passes, and settled then', () => {
    const failed = [record(1, 'a'), record(2, 'a', true), record(3, 'a', true)];
    expect(ledgerOf(failed).open.map(({ seed }) => seed)).toEqual([2, 3]);
    const later = ledgerOf([...failed, record(2, 'b'), record(3, 'b', true)]);
    expect(later).toMatchObject({ seeds: 3, settled: 1 });
    expect(later.open.map(({ seed, commit }) => [seed, commit])).toEqual([[3, 'b']]);
  });

  it('prints seeds of each commit, of all, and what is open', () => {
    const records = [record(1, 'a'), record(2, 'a', true), record(3, 'b')];
    expect(ledgerText(ledgerOf(records))).toBe(
      [
        'a                         2 seeds    1 failed',
        'b                         1 seeds    0 failed',
        'in all, each once         3 seeds    1 failed, 0 failed once and do so no more',
        '  seed 2, workload txn, commit a: linearizability: a read of a/raw/0/0 is stale',
      ].join('\n'),
    );
  });

  it('keeps no histories', () => {
    expect(record(1, 'a', true).violations[0]?.history).toEqual([]);
  });
});
