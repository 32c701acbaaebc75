import { expect, it } from 'vitest';
import { runLists } from '../scenarios/lists.js';
import { isLong, listSizes } from '../scenarios/sizes.js';

it('lists that are read and appended to have a history while leaders are killed', {
  timeout: 600_000,
}, async () => {
  const sizes = listSizes(isLong);
  const result = await runLists({ ...sizes, print: (line) => console.log(line) });
  console.log(JSON.stringify(result));
  expect(result.violations).toEqual([]);
  expect(result.regions).toBeGreaterThan(2);
  expect(result.kills).toBeGreaterThan(0);
  expect(result.committed).toBeGreaterThan(2 * sizes.seconds);
});
