import { describe, expect, it } from 'vitest';
import { checkSkew, type SkewRead } from './pair-skew.js';

function read(ts: bigint, left: boolean, right: boolean): SkewRead {
  return { client: 1, call: 1, ret: 2, pair: 'p', ts, present: [left, right] };
}

describe('write skew', () => {
  it('is not seen while one of two is there', () => {
    const reads = [read(1n, false, false), read(5n, true, true), read(6n, false, true)];
    expect(checkSkew([...reads, read(7n, true, false)]).violations).toEqual([]);
  });

  it('is convicted when both are gone, whatever was read first', () => {
    const { violations } = checkSkew([read(9n, false, false), read(5n, true, false)]);
    expect(violations).toMatchObject([{ oracle: 'write skew' }]);
  });
});
