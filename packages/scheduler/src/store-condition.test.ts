import { expect, it } from 'vitest';
import { conditionOf } from './store-condition.js';

const limits = { storeDisconnectedMs: 20_000, maxStoreDownTimeMs: 1_800_000 };

it.each([
  ['up', 20_000, 'up'],
  ['up', 20_001, 'disconnected'],
  ['up', 1_800_001, 'down'],
  ['offline', 1_800_001, 'offline'],
  ['tombstone', 1_800_001, 'tombstone'],
] as const)('a store that is registered as %s and silent for %d ms is %s', (state, ms, shown) => {
  expect(conditionOf(state, ms, limits)).toBe(shown);
});

it('a limit for down that is below that for disconnected wins', () => {
  const short = { ...limits, maxStoreDownTimeMs: 5_000 };
  expect(conditionOf('up', 5_001, short)).toBe('down');
});
