import { describe, expect, it } from 'vitest';
import { MemoryBudget } from './memory-budget.js';

describe('a memory budget', () => {
  it('counts what its holders have, and says when it is tight and when it is full', () => {
    const budget = new MemoryBudget(100);
    budget.reserve(50);
    expect([budget.used, budget.isTight, budget.isFull]).toEqual([50, false, false]);
    budget.reserve(1);
    expect([budget.isTight, budget.isFull]).toEqual([true, false]);
    // What must be held is held past the limit, too.
    budget.reserve(60);
    expect([budget.used, budget.isFull]).toEqual([111, true]);
    budget.release(111);
    expect([budget.used, budget.isTight]).toEqual([0, false]);
  });

  it('refuses to release more than is held', () => {
    const budget = new MemoryBudget(100);
    budget.reserve(5);
    expect(() => budget.release(6)).toThrow(/6 of 5 bytes/);
    expect(() => budget.release(-1)).toThrow();
    expect(() => budget.reserve(-1)).toThrow();
  });
});
