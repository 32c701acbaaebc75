import { expect, it } from 'vitest';
import { countPerPut } from '../scenarios/counts.js';
import { countSizes, isLong } from '../scenarios/sizes.js';

it('puts in flight together share fsyncs and writes', { timeout: 300_000 }, async () => {
  const counts = await countPerPut({ ...countSizes(isLong), print: (line) => console.log(line) });
  console.log(JSON.stringify(counts));
  expect(counts.fsyncs).toBeLessThanOrEqual(0.1);
  expect(counts.fsyncs).toBeGreaterThan(0);
  if (!isLong) return;
  expect(counts.writeCalls).toBeLessThanOrEqual(1);
  expect(counts.writeCalls).toBeGreaterThan(0);
});
