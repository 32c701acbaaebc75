import { expect, it } from 'vitest';
import { runBank } from '../scenarios/bank.js';
import { bankSizes, isLong } from '../scenarios/sizes.js';

it('the total never changes while leaders are killed', { timeout: 600_000 }, async () => {
  const sizes = bankSizes(isLong);
  const result = await runBank({ ...sizes, print: (line) => console.log(line) });
  console.log(JSON.stringify(result));
  expect(result.wrongTotals).toEqual([]);
  expect(result.regions).toBeGreaterThan(2);
  expect(result.kills).toBeGreaterThan(0);
  expect(result.transfers).toBeGreaterThan(2 * sizes.seconds);
  expect(result.snapshots).toBeGreaterThan(2);
});
