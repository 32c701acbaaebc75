import { describe, expect, it } from 'vitest';
import { checkMirror, type MirrorAnswer } from './mirror.js';

const right: MirrorAnswer = {
  client: 1,
  call: 7,
  command: 'GETRANGE k 0 3',
  answer: 'abcd',
  expected: 'abcd',
};

describe('a key with one writer', () => {
  it('answers what its writer has made of it', () => {
    expect(checkMirror([right, { ...right, answer: null, expected: null }])).toMatchObject({
      violations: [],
      checked: 2,
    });
  });

  it.each([
    ['abxd', 'wrongly from byte 2 on'],
    ['abc', '3 bytes, not 4'],
    [null, 'otherwise'],
  ])('is convicted of %s', (answer, how) => {
    expect(checkMirror([{ ...right, answer }]).violations).toMatchObject([
      { oracle: 'mirror', message: `bytes: GETRANGE k 0 3 was answered ${how}` },
    ]);
  });
});
