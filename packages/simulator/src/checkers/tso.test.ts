import { describe, expect, it } from 'vitest';
import { checkTso, type TsoGrant } from './tso.js';

function grant(call: number, ret: number, last: number, count = 1): TsoGrant {
  return { client: 0, call, ret, last: BigInt(last), count };
}

describe('timestamps', () => {
  it('pass when they are unique and grow in real time', () => {
    const grants = [grant(1, 2, 10), grant(3, 4, 20, 10), grant(5, 6, 21)];
    expect(checkTso(grants)).toEqual({ violations: [], checked: 3, gaveUp: [] });
  });

  it('pass in any order when they were asked for at the same time', () => {
    expect(checkTso([grant(1, 4, 20), grant(2, 3, 10)]).violations).toEqual([]);
    expect(checkTso([grant(1, 2, 20), grant(2, 3, 10)]).violations).toEqual([]);
  });

  it('are convicted when one is granted twice', () => {
    expect(checkTso([grant(1, 4, 10), grant(2, 3, 10)]).violations).toHaveLength(1);
  });

  it('are convicted when ranges overlap', () => {
    const { violations } = checkTso([grant(1, 4, 10), grant(2, 3, 15, 6)]);
    expect(violations).toMatchObject([{ oracle: 'tso', message: '10 was granted twice' }]);
    expect(violations[0]?.history).toHaveLength(2);
  });

  it('are convicted when they go back in real time', () => {
    const { violations } = checkTso([grant(1, 2, 20), grant(3, 4, 10), grant(5, 6, 30)]);
    expect(violations).toMatchObject([{ message: '10 was granted after 20 had been' }]);
  });

  it('are convicted when only the first of a range goes back', () => {
    const grants = [grant(1, 2, 20), grant(3, 4, 25, 3), grant(5, 6, 40, 16)];
    expect(checkTso(grants).violations).toHaveLength(2);
  });
});
