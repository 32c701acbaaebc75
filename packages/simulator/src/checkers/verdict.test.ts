import { describe, expect, it } from 'vitest';
import { type RegisterOp, registerModel } from './models.js';
import { judgeCounters, judgeKeys, mergeVerdicts } from './verdict.js';

function write(value: string, call: number, ret: number): RegisterOp {
  return { client: 0, kind: 'put', value, call, ret };
}
function read(value: string, call: number, ret: number): RegisterOp {
  return { client: 0, kind: 'get', value, call, ret };
}

describe('a verdict', () => {
  it('counts what was judged, key by key', () => {
    const histories = new Map([
      ['a', [write('1', 1, 2), read('1', 3, 4)]],
      ['b', [write('2', 1, 2)]],
    ]);
    expect(judgeKeys(registerModel, histories)).toEqual({ violations: [], checked: 3, gaveUp: [] });
  });

  it('names the key and shows the operations', () => {
    const histories = new Map([['a', [write('1', 1, 2), write('2', 3, 4), read('1', 5, 6)]]]);
    expect(judgeKeys(registerModel, histories).violations).toEqual([
      {
        oracle: 'linearizability',
        message: 'a has no order: 3 of 3 operations show it',
        history: ['client 0 [1, 2] put 1', 'client 0 [3, 4] put 2', 'client 0 [5, 6] get → 1'],
      },
    ]);
  });

  it('counts a key that is too hard neither as right nor as wrong', () => {
    const writes = Array.from({ length: 9 }, (_, i) => write(`${i}`, i, 100 + i));
    const hard = new Map([['a', [...writes, read('1', 200, 201), read('2', 202, 203)]]]);
    expect(judgeKeys(registerModel, hard, 50)).toEqual({
      violations: [],
      checked: 0,
      gaveUp: ['a: 11 operations'],
    });
  });

  it('of counters knows what each held in the end', () => {
    const increments = [{ client: 0, call: 1, ret: 2, value: 1 }];
    const counters = new Map([['c', { increments, reads: [] }]]);
    expect(judgeCounters(counters, new Map([['c', 1]])).violations).toEqual([]);
    expect(judgeCounters(counters, new Map([['c', 2]])).violations).not.toEqual([]);
    expect(judgeCounters(counters, new Map()).violations).toEqual([]);
  });

  it('of several parts is all of them', () => {
    const part = {
      violations: [{ oracle: 'x', message: 'm', history: [] }],
      checked: 2,
      gaveUp: ['a'],
    };
    expect(mergeVerdicts([part, part])).toMatchObject({ checked: 4, gaveUp: ['a', 'a'] });
    expect(mergeVerdicts([part, part]).violations).toHaveLength(2);
  });
});
