import { describe, expect, it } from 'vitest';
import { checkExecSkew, type ExecRead } from './exec-skew.js';

const left: ExecRead = { client: 1, call: 1, pair: 'p', wrote: 'left', sawOther: false };
const right: ExecRead = { client: 2, call: 2, pair: 'p', wrote: 'right', sawOther: false };

describe('transactions that each write what the other reads', () => {
  it('come one after the other', () => {
    expect(checkExecSkew([left, { ...right, sawOther: true }]).violations).toEqual([]);
    expect(checkExecSkew([left, { ...right, pair: 'q' }]).violations).toEqual([]);
    expect(checkExecSkew([left, { ...left, client: 3 }]).violations).toEqual([]);
  });

  it('are convicted when neither has seen the other', () => {
    expect(checkExecSkew([left, right]).violations).toMatchObject([
      {
        oracle: 'exec skew',
        history: [
          'client 1 [1] wrote the left of p, and the other was not there',
          'client 2 [2] wrote the right of p, and the other was not there',
        ],
      },
    ]);
  });
});
