import { describe, expect, it } from 'vitest';
import { checkPairs } from './pairs.js';

describe('pairs', () => {
  it('pass when both halves are equal', () => {
    const reads = [
      { call: 1, values: [null, null] as const },
      { call: 2, values: ['p1', 'p1'] as const },
    ];
    expect(checkPairs(reads)).toEqual({ violations: [], checked: 2, gaveUp: [] });
  });

  it('are convicted of one half alone, and of halves of two writes', () => {
    for (const values of [['p1', null] as const, ['p1', 'p2'] as const]) {
      expect(checkPairs([{ call: 3, values }]).violations).toMatchObject([{ oracle: 'pairs' }]);
    }
  });
});
