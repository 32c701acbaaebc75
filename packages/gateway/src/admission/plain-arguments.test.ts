import { limits } from '@tinykv/base';
import { expect, test } from 'vitest';
import { verdictOf } from '../testing/admission.js';
import { plainArguments } from './plain-arguments.js';

const most = limits.gatewayPlainArgumentsMax;

test('a command without keys has a limit of arguments', () => {
  expect(verdictOf(plainArguments, `info${' x'.repeat(most - 1)}`)).toBe('pass');
  expect(verdictOf(plainArguments, `info${' x'.repeat(most)}`)).toBe(
    `ERR more than ${most} arguments of a command without keys`,
  );
});

test('a command of keys has none', () => {
  expect(verdictOf(plainArguments, `mget${' x'.repeat(most)}`)).toBe('pass');
});
