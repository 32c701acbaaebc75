import { describe, expect, it } from 'vitest';
import { type CounterHistory, checkCounter } from './counter.js';

const NEVER = Number.POSITIVE_INFINITY;

function incr(call: number, ret: number, value?: number): CounterHistory['increments'][number] {
  return { client: 0, call, ret, ...(value === undefined ? {} : { value }) };
}

function get(call: number, ret: number, value: number): CounterHistory['reads'][number] {
  return { client: 1, call, ret, value };
}

function messages(history: CounterHistory, final?: number): string[] {
  return checkCounter('c', history, final).violations.map(({ message }) => message);
}

describe('a counter', () => {
  it('passes when every increment counts once', () => {
    const history = {
      increments: [incr(1, 2, 1), incr(3, 6, 2), incr(4, 5, 3)],
      reads: [get(7, 8, 3)],
    };
    expect(checkCounter('c', history, 3)).toEqual({ violations: [], checked: 5, gaveUp: [] });
  });

  it('passes whether an increment of unknown result has counted or not', () => {
    const history = { increments: [incr(1, 2, 1), incr(3, NEVER)], reads: [get(4, 5, 1)] };
    expect(messages(history, 1)).toEqual([]);
    expect(messages(history, 2)).toEqual([]);
  });

  it('passes when a read overlaps an increment, whichever it sees', () => {
    for (const seen of [0, 1]) {
      expect(messages({ increments: [incr(1, 4, 1)], reads: [get(2, 3, seen)] }, 1)).toEqual([]);
    }
  });

  it('is convicted when two increments have the same reply', () => {
    const history = { increments: [incr(1, 4, 1), incr(2, 3, 1)], reads: [] };
    expect(messages(history)).toContain('c: two increments were both answered 1');
  });

  it('is convicted of a lost increment in the end', () => {
    const history = { increments: [incr(1, 2, 1), incr(3, 4, 2)], reads: [] };
    expect(messages(history, 1)).toContain('c: 1 was seen after 2 had been');
    expect(messages(history, 1)).toContain('c: 1 was seen when it could be 2 to 2');
  });

  it('is convicted of an increment that counts twice', () => {
    const history = { increments: [incr(1, 2, 1), incr(3, NEVER)], reads: [] };
    expect(messages(history, 3)).toEqual(['c: 3 was seen when it could be 1 to 2']);
  });

  it('is convicted of a stale read', () => {
    const history = { increments: [incr(1, 2, 1)], reads: [get(3, 4, 0)] };
    expect(messages(history)).not.toEqual([]);
  });

  it('is convicted when two reads go back', () => {
    const history = {
      increments: [incr(1, NEVER), incr(2, NEVER)],
      reads: [get(3, 4, 2), get(5, 6, 1)],
    };
    expect(checkCounter('c', history).violations).toMatchObject([
      { oracle: 'counter', history: ['client 1 [3, 4] get → 2', 'client 1 [5, 6] get → 1'] },
    ]);
  });

  it('is convicted of a reply from the future', () => {
    const history = { increments: [incr(1, 2, 2), incr(3, 4, 1)], reads: [] };
    expect(messages(history)).toContain('c: 2 was seen when it could be 1 to 1');
  });
});
