import { limits } from '@tinykv/base';
import { expect, test } from 'vitest';
import { verdictOf } from '../testing/admission.js';
import { keyLength } from './key-length.js';

const fits = 'k'.repeat(limits.gatewayKeyBytesMax);
const long = `${fits}k`;
const refusal = `ERR key is longer than ${limits.gatewayKeyBytesMax} bytes`;

test.each([
  ['the one key', `get ${fits}`, `get ${long}`],
  ['the last of many', `del a b ${fits}`, `del a b ${long}`],
  ['keys, not values', `mset a ${long} b v`, `mset a v ${long} v`],
  ['keys whose number is told', `zunion 2 a b ${long}`, `zunion 2 a ${long} b`],
  ['keys after a word', `xread streams a ${long}`, `xread streams ${long} 0`],
  ['watched keys', `watch a ${fits}`, `watch a ${long}`],
])('%s', (_, short, tooLong) => {
  expect(verdictOf(keyLength, short)).toBe('pass');
  expect(verdictOf(keyLength, tooLong)).toBe(refusal);
});

test('an argument that is no key may be longer', () => {
  expect(verdictOf(keyLength, `echo ${long}`)).toBe('pass');
});
