import { expect, it } from 'vitest';
import { runBadInput } from '../scenarios/bad-input.js';
import { badInputSizes, isLong } from '../scenarios/sizes.js';

it('random bytes at every port bring errors and nothing else', { timeout: 600_000 }, async () => {
  const sizes = badInputSizes(isLong);
  const result = await runBadInput({ ...sizes, print: (line) => console.log(line) });
  console.log(JSON.stringify(result));
  expect(result.sent).toBe(sizes.strings);
  expect(result.refused).toBeGreaterThan(0);
  expect(result.survived).toBe(true);
  expect(result.served).toBe('still here');
});
