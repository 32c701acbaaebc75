import { describe, expect, it } from 'vitest';
import { checkScans } from './scans.js';

describe('SCAN', () => {
  const scan = { client: 1, call: 2, present: ['a', 'b'] };

  it('may return more than was there when it began', () => {
    expect(checkScans([{ ...scan, found: new Set(['a', 'b', 'c']) }]).violations).toEqual([]);
  });

  it('is convicted when a key is missing that was there throughout', () => {
    const { violations } = checkScans([{ ...scan, found: new Set(['a', 'c']) }]);
    expect(violations).toMatchObject([
      { oracle: 'scan', history: ['client 1 [2] scan found 2 keys, not b'] },
    ]);
  });
});
