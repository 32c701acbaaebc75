import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  composeTimestamp,
  LOGICAL_COUNT,
  logicalOf,
  maxTimestamp,
  physicalMs,
  TS_MAX,
} from './timestamp.js';

it('a timestamp is its milliseconds, then its logical part', () => {
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 45 }), fc.nat({ max: LOGICAL_COUNT - 1 }), (ms, logical) => {
      const ts = composeTimestamp(ms, logical);
      expect([physicalMs(ts), logicalOf(ts)]).toEqual([ms, logical]);
      expect(composeTimestamp(ms + 1, 0) > ts).toBe(true);
      expect(maxTimestamp(ts, ts + 1n)).toBe(ts + 1n);
      expect(maxTimestamp(ts, 0n)).toBe(ts);
    }),
  );
  expect(composeTimestamp(2 ** 46 - 1, LOGICAL_COUNT - 1)).toBe(TS_MAX);
});
