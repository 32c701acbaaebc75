import { describe, expect, it } from 'vitest';
import { sampleReport, staleRead } from '../testing/reports.js';
import { recordsPath } from './commit.js';
import { keptRunOf, verdictsOf } from './kept-runs.js';
import { ledgerOf, recordOf, type SeedVerdict } from './long-record.js';

function verdict(seed: number, fails = false): SeedVerdict {
  const report = sampleReport({ violations: fails ? [staleRead] : [] });
  return { ...recordOf(report, 'a'), seed };
}

describe('what is kept of a long run', () => {
  it('is a line with its commit, seeds and failures, without histories', () => {
    const run = keptRunOf('a', [verdict(3), verdict(1), verdict(2, true), verdict(5)]);
    const { oracle, message } = staleRead;
    const failed = [{ seed: 2, workload: 'txn', oracle, message }];
    expect(run).toEqual({ commit: 'a', seeds: '1-3,5', failed });
  });

  it('adds up with what ran at other times as the seeds themselves would', () => {
    const early = [1, 2, 3].map((seed) => verdict(seed, seed > 1));
    const late = [2, 4].map((seed) => ({ ...verdict(seed), commit: 'b' }));
    const kept = [keptRunOf('a', early), keptRunOf('b', late)];
    const ledger = ledgerOf(verdictsOf(JSON.parse(JSON.stringify(kept))));
    const whole = ledgerOf([...early, ...late]);
    expect({ ...ledger, open: [] }).toEqual({ ...whole, open: [] });
    expect(ledger).toMatchObject({ nextSeed: 5, seeds: 4, settled: 1 });
    expect(ledger.open).toMatchObject([{ seed: 3, commit: 'a', workload: 'txn' }]);
  });

  it('is nothing of no seeds', () => {
    expect(verdictsOf([keptRunOf('a', [])])).toEqual([]);
  });

  it('stays out of what git keeps when nobody knows which files ran', () => {
    expect(recordsPath('sim', '0badcafe')).toMatch(/docs\/records\/sim\.jsonl$/);
    for (const commit of ['0badcafe-dirty', 'unknown'])
      expect(recordsPath('sim', commit)).toMatch(/test-long-results\/records\/sim\.jsonl$/);
  });
});
