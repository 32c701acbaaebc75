import type { ClusterStatus, RegionStatus } from '@tinykv/client';
import { expect, it } from 'vitest';
import { whatIsMissing } from './ready.js';

const cluster = (...states: readonly ('up' | 'offline' | 'tombstone')[]) =>
  ({
    bootstrapped: true,
    stores: states.map((state) => ({ store: { state } })),
  }) as unknown as ClusterStatus;
const region = (voters: number) =>
  ({
    region: { id: 2, peers: Array.from({ length: voters }, () => ({ learner: false })) },
    leader: {},
  }) as unknown as RegionStatus;

it('a cluster is ready with a store that was sent offline, and without one that is a tombstone', () => {
  expect(whatIsMissing(cluster('up', 'up', 'up'), [region(3)], 3)).toBeUndefined();
  expect(whatIsMissing(cluster('up', 'up', 'offline'), [region(3)], 3)).toBeUndefined();
  expect(whatIsMissing(cluster('up', 'up', 'tombstone'), [region(2)], 3)).toBe(
    '2 of 3 stores have registered',
  );
  expect(whatIsMissing(cluster('up', 'up', 'tombstone'), [region(2)], 2)).toBeUndefined();
  expect(whatIsMissing(cluster('up', 'up', 'up'), [region(2)], 3)).toBe(
    'Region 2 has 2 of 3 voters',
  );
});
