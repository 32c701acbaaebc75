import { describe, expect, it } from 'vitest';
import { Findings } from './findings.js';
import { VersionOrder } from './version-order.js';

function judged(...entries: readonly (readonly [index: number, by: bigint, commitTs: bigint])[]) {
  const findings = new Findings('raft');
  const order = new VersionOrder(findings);
  for (const [index, by, commitTs] of entries) {
    order.add(1, index, [{ key: 'k', by, startTs: commitTs - 1n, commitTs }]);
  }
  return findings.violations().length;
}

describe('versions of a key in the order of the log', () => {
  it('pass when each lies above the one before, whichever a replica tells of first', () => {
    expect(judged([1, 4n, 5n], [2, 6n, 7n], [5, 8n, 9n], [3, 7n, 8n])).toBe(0);
  });

  it('pass when another transaction writes the newest one again', () => {
    expect(judged([1, 4n, 5n], [2, 6n, 5n])).toBe(0);
  });

  it('are convicted when one is not above the one before', () => {
    expect(judged([1, 4n, 5n], [2, 3n, 5n - 1n])).toBe(1);
    expect(judged([3, 4n, 5n], [2, 6n, 7n])).toBe(1);
  });

  it('are convicted when an older one is written back', () => {
    expect(judged([1, 4n, 5n], [2, 6n, 7n], [3, 8n, 5n])).toBe(1);
  });
});
