import { expect, it } from 'vitest';
import { checkTimeToLive, type TtlHistory, type TtlRead } from './time-to-live.js';

type Seen = TtlRead['seen'];

/** A key put for 5,000 ms at 1,000; reads by when they are made. */
function complaints(
  reads: readonly [atMs: number, Seen][],
  more: Partial<TtlHistory> = {},
): string {
  const put = { client: 1, call: 1, ret: 2, calledAt: 1_000, returnedAt: 1_010, ttlMs: 5_000 };
  const history: TtlHistory = {
    name: 'k',
    put,
    lasting: undefined,
    isReplaced: false,
    reads: reads.map(([at, seen], i) => ({
      client: 2,
      call: 10 + 2 * i,
      ret: 11 + 2 * i,
      calledAt: at,
      returnedAt: at + 5,
      seen,
    })),
    ...more,
  };
  const { violations } = checkTimeToLive([history], 500);
  return violations.map(({ message }) => message).join('; ');
}

const lasting = { client: 1, call: 3, ret: 4 };

it('a key with a time to live is there and then gone, about then', () => {
  expect(
    complaints([
      [1_200, 'expiring'],
      [6_100, 'expiring'],
      [6_200, 'nothing'],
    ]),
  ).toBe('');
  expect(
    complaints([
      [9_400, 'expiring'],
      [2_600, 'nothing'],
    ]),
  ).toBe('');
});

it('a key that is seen after its time is told', () => {
  expect(complaints([[9_600, 'expiring']])).toBe('k was seen after its time, at 10');
});

it('a key that is gone before its time is told, unless another may have put it anew', () => {
  expect(complaints([[2_000, 'nothing']])).toBe('k was gone before its time, at 10');
  expect(complaints([[2_000, 'nothing']], { isReplaced: true })).toBe('');
  expect(complaints([[2_000, 'nothing']], { put: undefined })).toBe('');
});

it('a key that comes back is told, however short it was gone', () => {
  const text = 'k was gone at 11 and came back, at 12';
  expect(
    complaints([
      [6_005, 'nothing'],
      [6_012, 'expiring'],
    ]),
  ).toBe(text);
  expect(
    complaints(
      [
        [1_500, 'lasting'],
        [1_600, 'expiring'],
      ],
      { isReplaced: true },
    ),
  ).toBe(text);
});

it('a newer put that goes with the key is told', () => {
  const more = { lasting, isReplaced: true };
  expect(complaints([[6_100, 'lasting']], more)).toBe('');
  expect(complaints([[6_100, 'nothing']], more)).toBe(
    'k lost the put without a time to live, at 10',
  );
});
