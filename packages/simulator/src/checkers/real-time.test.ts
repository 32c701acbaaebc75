import { describe, expect, it } from 'vitest';
import { checkRealTime, type Stamped } from './real-time.js';

function txn(call: number, ret: number, startTs: bigint, commitTs?: bigint): Stamped {
  return { client: 1, call, ret, startTs, ...(commitTs === undefined ? {} : { commitTs }) };
}

describe('real time', () => {
  it('lets transactions that overlap have any timestamps', () => {
    expect(checkRealTime([txn(1, 5, 10n, 40n), txn(4, 6, 30n)]).violations).toEqual([]);
  });

  it('convicts a start below a commit that had returned', () => {
    const { violations } = checkRealTime([txn(1, 2, 10n, 40n), txn(3, 4, 39n)]);
    expect(violations).toMatchObject([{ oracle: 'real time' }]);
  });

  it('takes a start at that very timestamp: it sees the commit', () => {
    expect(checkRealTime([txn(1, 2, 10n, 40n), txn(3, 4, 40n)]).violations).toEqual([]);
  });

  it('knows nothing of a commit that has not returned', () => {
    const unknown = txn(1, Number.POSITIVE_INFINITY, 10n, 40n);
    expect(checkRealTime([unknown, txn(3, 4, 20n)]).violations).toEqual([]);
  });
});
