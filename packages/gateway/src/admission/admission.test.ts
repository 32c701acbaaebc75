import { limits } from '@tinykv/base';
import { expect, test } from 'vitest';
import { verdictOf } from '../testing/admission.js';
import { admit } from './admission.js';

const long = 'k'.repeat(limits.gatewayKeyBytesMax + 1);

test('every stage has its say', () => {
  expect(verdictOf(admit, 'get k')).toBe('pass');
  expect(verdictOf(admit, 'get k', true)).toBe('queue');
  expect(verdictOf(admit, 'get')).toMatch(/wrong number/);
  expect(verdictOf(admit, `info${' x'.repeat(limits.gatewayPlainArgumentsMax)}`)).toMatch(
    /arguments of a command without keys/,
  );
  expect(verdictOf(admit, `get ${long}`)).toMatch(/key is longer/);
});

test('the first stage that refuses is heard: nothing is queued that could not run', () => {
  expect(verdictOf(admit, `get ${long} x`, true)).toMatch(/wrong number/);
  expect(verdictOf(admit, `get ${long}`, true)).toMatch(/key is longer/);
});
