import { expect, it } from 'vitest';
import { countLonely, describeLonely } from '../scenarios/lonely-counts.js';
import { isLong, lonelySizes } from '../scenarios/sizes.js';

it('an operation with nobody else there costs each store few system calls', {
  timeout: 300_000,
}, async () => {
  const print = (line: string): void => console.log(line);
  const costs = await countLonely({ ...lonelySizes(isLong), print });
  for (const line of describeLonely(costs)) print(line);
  const [leader, ...others] = costs.get('put') ?? [];
  expect(leader?.leads).toBe(true);
  // Five times what it takes on a machine of its own: a core that others use as well is slow.
  const cpuMs = [leader!, ...others].reduce((sum, cost) => sum + cost.cpuMs, 0);
  expect(cpuMs).toBeGreaterThan(0);
  expect(cpuMs).toBeLessThan(16);
  if (!isLong) return;
  // The entry to each follower, and the answer.
  expect(leader?.calls.get('writev')).toBeLessThan(3.5);
  expect(leader?.calls.get('fdatasync')).toBeLessThan(1.5);
});
