import { expect, it } from 'vitest';
import { runSchedulerAway } from '../scenarios/scheduler-away.js';
import { isLong, schedulerAwaySizes } from '../scenarios/sizes.js';

it('GETs go on while the scheduler is dead, SETs fail at once and name it', {
  timeout: 300_000,
}, async () => {
  const sizes = schedulerAwaySizes(isLong);
  const result = await runSchedulerAway({ ...sizes, print: (line) => console.log(line) });
  console.log(JSON.stringify(result));
  expect(result.wrong).toEqual([]);
  expect(result.gets).toBeGreaterThan(10 * sizes.seconds);
  expect(result.slowestGetMs).toBeLessThan(2_500);
  expect(result.refusals).toHaveLength(1);
  expect(result.refusals[0]).toMatch(
    /^CLUSTERDOWN .*nothing was applied: the scheduler 127\.0\.0\.1:\d+ is away/,
  );
  expect(result.slowestSetMs).toBeLessThan(2_500);
});
