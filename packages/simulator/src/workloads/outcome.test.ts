import { KvError } from '@tinykv/base';
import { UndeterminedError } from '@tinykv/client';
import { expect, it } from 'vitest';
import { KilledError } from '../world/killed-error.js';
import { outcomeOf } from './outcome.js';

it('what a client was told is not more than what it knows', () => {
  expect(outcomeOf(new KvError('UNAVAILABLE', 'nobody is there'))).toBe('fail');
  expect(outcomeOf(new UndeterminedError('the answer was lost'))).toBe('unknown');
  // It dies behind its commit, and nobody is told of it.
  expect(outcomeOf(new KilledError('client-committed'))).toBe('unknown');
  expect(() => outcomeOf(new TypeError('a bug'))).toThrow(TypeError);
});
