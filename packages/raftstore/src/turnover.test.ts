import { utf8 } from '@tinykv/base';
import type { Modify } from '@tinykv/model';
import { expect, it } from 'vitest';
import { Turnover } from './turnover.js';

const key = utf8('k');
const commit: Modify = {
  type: 'commit',
  key,
  startTs: 1n,
  unlock: true,
  newest: key,
  history: undefined,
  longValue: undefined,
};
const collect = (newest: boolean): Modify => {
  return { type: 'collect', key, safePoint: 5n, writes: [3n], rollbacks: [], values: [], newest };
};
const rawDelete: Modify = { type: 'raw-delete', cf: 'default', key };
const rawPut: Modify = { type: 'raw-put', cf: 'default', key, value: key };

function turnover(times: number, ...modifies: readonly Modify[]): Turnover {
  const counted = new Turnover();
  for (let i = 0; i < times; i++) for (const modify of modifies) counted.count(modify);
  return counted;
}

it('a database that is deleted in transactions, and collected by GC, has shrunk', () => {
  expect(turnover(1_000, collect(true)).takeShrunk()).toBe(true);
  // All within one look: the deletions, too, are commits.
  expect(turnover(1_000, commit, collect(true)).takeShrunk()).toBe(true);
  expect(turnover(1_000, rawDelete).takeShrunk()).toBe(true);
});

it('a Region whose keys are overwritten, or come and go, has not', () => {
  expect(turnover(5_000, commit, collect(false)).takeShrunk()).toBe(false);
  expect(turnover(5_000, commit, commit, collect(true)).takeShrunk()).toBe(false);
  expect(turnover(5_000, rawPut, rawDelete).takeShrunk()).toBe(false);
});

it('few keys are not worth it, and each look begins anew', () => {
  expect(turnover(999, collect(true)).takeShrunk()).toBe(false);
  const counted = turnover(1_000, rawDelete);
  expect(counted.takeShrunk()).toBe(true);
  expect(counted.takeShrunk()).toBe(false);
});
