import { expect, test } from 'vitest';
import { verdictOf } from '../testing/admission.js';
import { arity } from './arity.js';

test.each([
  ['get k', 'pass'],
  ['get', "ERR wrong number of arguments for 'get' command"],
  ['get k k', "ERR wrong number of arguments for 'get' command"],
  ['set k v', 'pass'],
  ['set k v ex 1', 'pass'],
  ['set k', "ERR wrong number of arguments for 'set' command"],
  ['config', "ERR wrong number of arguments for 'config' command"],
  ['config get', "ERR wrong number of arguments for 'config|get' command"],
])('%s: %s', (line, verdict) => {
  expect(verdictOf(arity, line)).toBe(verdict);
});
