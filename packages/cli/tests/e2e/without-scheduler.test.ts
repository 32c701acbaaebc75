import { expect, it } from 'vitest';
import { isLong, withoutSchedulerSizes } from '../scenarios/sizes.js';
import { runWithoutScheduler } from '../scenarios/without-scheduler.js';

it('elects a leader and takes a store back while the scheduler is away', {
  timeout: 1_800_000,
}, async () => {
  const sizes = withoutSchedulerSizes(isLong);
  const result = await runWithoutScheduler({ ...sizes, print: (line) => console.log(line) });
  console.log(JSON.stringify(result));
  expect(result.lost).toEqual([]);
  expect(result.recoveryMs).toHaveLength(sizes.rounds);
  expect(Math.max(...result.recoveryMs)).toBeLessThan(isLong ? 3_000 : 10_000);
});
