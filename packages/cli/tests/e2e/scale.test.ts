import { expect, it } from 'vitest';
import { runScale } from '../scenarios/scale.js';
import { isLong, scaleSizes } from '../scenarios/sizes.js';

it('Regions split, spread, and move while nothing is lost', { timeout: 1_800_000 }, async () => {
  const sizes = scaleSizes(isLong);
  const result = await runScale({ ...sizes, print: (line) => console.log(line) });
  console.log(JSON.stringify(result));
  expect(result.regions).toBeGreaterThanOrEqual(sizes.regionsMin);
  expect(result.underReplicated).toEqual([]);
  expect(result.scannedKeys).toBe(sizes.keys);
  expect(result.isSame).toBe(true);
});
