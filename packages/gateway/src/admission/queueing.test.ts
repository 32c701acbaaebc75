import { expect, test } from 'vitest';
import { verdictOf } from '../testing/admission.js';
import { queueing } from './queueing.js';

test.each([
  ['get k', 'queue'],
  ['ping', 'queue'],
  ['unwatch', 'queue'],
  ['multi', 'pass'],
  ['exec', 'pass'],
  ['discard', 'pass'],
  ['watch k', 'pass'],
  ['quit', 'pass'],
  ['reset', 'pass'],
  ['psync a b', 'ERR Command not allowed inside a transaction'],
])('inside MULTI, %s: %s', (line, verdict) => {
  expect(verdictOf(queueing, line, true)).toBe(verdict);
  expect(verdictOf(queueing, line, false)).toBe('pass');
});
