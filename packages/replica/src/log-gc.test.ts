import { describe, expect, it } from 'vitest';
import { forgettableIndex, type LogFacts } from './log-gc.js';

const KEEP = { entries: 100, bytes: 1_000_000 };

/** A log of entries of one size, 1 to `last`, all of them durably applied. */
function facts(last: number, entryBytes: number, rest: Partial<LogFacts> = {}): LogFacts {
  return {
    first: 1,
    durableApplied: last,
    agedIndex: 0,
    bytes: last * entryBytes,
    indexBefore: (bytes) => Math.max(0, last - Math.ceil(bytes / entryBytes)),
    replicated: last,
    activeReplicated: undefined,
    ...rest,
  };
}

describe('what a log may forget', () => {
  it('is nothing of a short and young one', () => {
    expect(forgettableIndex(facts(50, 100), KEEP)).toBeLessThan(1);
  });

  it('is all that is old and that every member has', () => {
    expect(forgettableIndex(facts(50, 100, { agedIndex: 50 }), KEEP)).toBe(50);
    expect(forgettableIndex(facts(50, 100, { agedIndex: 50, replicated: 20 }), KEEP)).toBe(20);
    expect(forgettableIndex(facts(50, 100, { agedIndex: 30 }), KEEP)).toBe(30);
  });

  it('is what is too much of many entries, and of few large ones', () => {
    expect(forgettableIndex(facts(500, 100), KEEP)).toBe(400);
    expect(forgettableIndex(facts(50, 100_000), KEEP)).toBe(40);
  });

  it('of a leader, is all but the last entry once every member has it', () => {
    const replicated = { replicated: 500, activeReplicated: 500 };
    expect(forgettableIndex(facts(500, 100, replicated), KEEP)).toBe(499);
  });

  it('of a leader, is kept twice as long for a member that answers', () => {
    const lags = (index: number) => ({ replicated: index, activeReplicated: index });
    expect(forgettableIndex(facts(500, 100, lags(350)), KEEP)).toBe(349);
    expect(forgettableIndex(facts(500, 100, lags(10)), KEEP)).toBe(300);
    expect(forgettableIndex(facts(50, 100_000, lags(35)), KEEP)).toBe(34);
    expect(forgettableIndex(facts(50, 100_000, lags(1)), KEEP)).toBe(30);
  });

  it('of a leader, is what is too much for a member that does not answer', () => {
    const silent = { replicated: 10, activeReplicated: 500 };
    expect(forgettableIndex(facts(500, 100, silent), KEEP)).toBe(400);
  });

  it('is never more than what is durably applied', () => {
    const behind = { durableApplied: 20, replicated: 50, activeReplicated: 50, agedIndex: 20 };
    expect(forgettableIndex({ ...facts(50, 100_000), ...behind }, KEEP)).toBeLessThanOrEqual(20);
  });
});
