import { failPoints } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import { sampleReport, staleRead } from '../testing/reports.js';
import { failureText, faultLines, progressText, replayCommand, totalsText } from './text.js';
import { Totals } from './totals.js';

describe('text', () => {
  it('prints what a person needs of a failure', () => {
    const report = sampleReport({ violations: [staleRead] });
    expect(failureText(report, 'abc-dirty', replayCommand(report.plan))).toBe(
      [
        'FAILED seed 7, commit abc-dirty, profile swarm, workload txn, hash 0badcafe after 1000 events',
        '  linearizability: a read of a/raw/0/0 is stale',
        '    client 1 put v1',
        '    client 2 get nothing',
        '  replay: pnpm sim --seed 7 --profile swarm --workload txn',
      ].join('\n'),
    );
  });

  it('names the mutant in the command that replays', () => {
    const { plan } = sampleReport();
    expect(replayCommand({ ...plan, mutant: 'a' })).toMatch(/ --mutant a$/);
  });

  it('cuts a long history in the middle', () => {
    const history = Array.from({ length: 200 }, (_, i) => `line ${i}`);
    const lines = failureText(
      sampleReport({ violations: [{ ...staleRead, history }] }),
      'abc',
      'again',
    ).split('\n');
    expect(lines).toHaveLength(2 + 81 + 1);
    expect(lines[2]).toBe('    line 0');
    expect(lines[42]).toBe('    … 120 more lines …');
    expect(lines.at(-2)).toBe('    line 199');
  });

  it('prints a fault a line', () => {
    const { plan } = sampleReport();
    expect(faultLines(plan)).toHaveLength(plan.faults.length);
    const fault = { kind: 'crash-store', at: 4_000, lastsMs: 50, target: 3, amount: 0.5 } as const;
    expect(faultLines({ ...plan, faults: [fault] })).toEqual([
      '    4000.000 ms crash-store       for 50.000 ms, target 3, amount 0.500',
    ]);
  });

  it('prints what many runs came to, what happened most first', () => {
    const totals = new Totals();
    totals.add(sampleReport());
    totals.add(sampleReport({ violations: [staleRead], ranTwice: true }));
    expect(totalsText(totals, 12)).toBe(
      [
        'seeds      2 run, 1 failed, 1 run twice',
        'violations linearizability 1',
        'simulated  0.02 h, 0.01 h of them with operations in flight',
        'speed      0.33 simulated hours per CPU minute, 12 s of real time',
        'operations 800 checked',
        'faults     move-peer 10, crash-store 4; 2.0 kinds a seed',
        'happened   split 6',
        `points     0 of ${failPoints.length} passed, 0 died at; never passed: ${failPoints.join(', ')}`,
      ].join('\n'),
    );
    expect(progressText(totals, 10, 75)).toBe(
      '2/10 seeds, 1 failed, 0.01 h simulated, 800 operations, 1:15',
    );
  });
});
