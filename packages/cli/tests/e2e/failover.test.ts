import { expect, it } from 'vitest';
import { runFailover } from '../scenarios/failover.js';
import { failoverSizes, isLong } from '../scenarios/sizes.js';

it('keeps every acknowledged write when stores are killed', { timeout: 1_800_000 }, async () => {
  const sizes = failoverSizes(isLong);
  const result = await runFailover({ ...sizes, print: (line) => console.log(line) });
  console.log(JSON.stringify(result));
  expect(result.lost).toEqual([]);
  expect(result.miscounted).toEqual([]);
  expect(result.recoveryMs).toHaveLength(3 * sizes.rounds);
  expect(result.acknowledged).toBeGreaterThan(900 * sizes.rounds);
});
