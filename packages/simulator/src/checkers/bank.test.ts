import { describe, expect, it } from 'vitest';
import { type BankRead, checkBank } from './bank.js';

function read(...balances: number[]): BankRead {
  return { client: 0, call: 1, ret: 2, ts: 7n, balances };
}

describe('the bank', () => {
  it('passes while the total stays', () => {
    const verdict = checkBank(200, [read(100, 100), read(0, 200), read(150, 50)]);
    expect(verdict).toEqual({ violations: [], checked: 3, gaveUp: [] });
  });

  it('convicts a snapshot that shows half a transfer', () => {
    const { violations } = checkBank(200, [read(100, 100), read(80, 100), read(90, 100)]);
    expect(violations).toMatchObject([
      { oracle: 'bank', history: ['client 0 [1, 2] at 7: 80 100'] },
    ]);
    expect(violations[0]?.message).toBe('total: it is 180, not 200 (and 1 more)');
  });

  it('convicts money out of nothing', () => {
    expect(checkBank(200, [read(100, 120)]).violations).toHaveLength(1);
  });

  it('convicts a balance below zero, and one that is no number', () => {
    expect(checkBank(200, [read(-10, 210)]).violations).toHaveLength(1);
    expect(checkBank(200, [read(Number.NaN, 210)]).violations).toHaveLength(1);
  });
});
