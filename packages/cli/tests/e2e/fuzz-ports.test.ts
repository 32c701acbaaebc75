import { expect, it } from 'vitest';
import { fuzzPorts } from '../fuzz/fuzz-ports.js';
import { allRpcs } from '../fuzz/schema.js';
import { fuzzSizes, isLong } from '../scenarios/sizes.js';

const GROWTH_MAX = 1_000_000_000;

it('whatever comes in at a port, processes live, data stays, and others are served', {
  timeout: 14_400_000,
}, async () => {
  const sizes = fuzzSizes(isLong);
  const result = await fuzzPorts({ ...sizes, print: (line) => console.log(line) });
  console.log(JSON.stringify(result));
  expect(result.ended).toEqual([]);
  expect(result.faults).toEqual([]);
  expect(result.damagedKeys).toEqual([]);
  expect(result.differingStores).toEqual([]);
  expect(result.complaints.filter(({ kind }) => kind !== 'late')).toEqual([]);
  // On a busy machine a second proves nothing; a long run has one for itself.
  if (isLong) expect(result.complaints).toEqual([]);
  for (const { path } of allRpcs().filter((rpc) => rpc.path.includes(sizes.only ?? ''))) {
    expect(result.sent[path], path).toBe(sizes.perMethod);
  }
  for (const [name, bytes] of Object.entries(result.grownBytes)) {
    expect(bytes, name).toBeLessThan(GROWTH_MAX);
  }
});

it('what does to others what it is asked to ends no process', { timeout: 14_400_000 }, async () => {
  const sizes = { ...fuzzSizes(isLong), unruled: true };
  const result = await fuzzPorts({ ...sizes, print: (line) => console.log(line) });
  console.log(JSON.stringify(result));
  expect(result.ended).toEqual([]);
  expect(result.faults).toEqual([]);
});
