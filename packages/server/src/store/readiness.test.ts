import type { RegionStatus } from '@tinykv/raftstore';
import { expect, it } from 'vitest';
import { whyStoreNotReady } from './readiness.js';

const withRoles = (...roles: readonly string[]): RegionStatus[] =>
  roles.map((role) => ({ role }) as RegionStatus);

it('a store is ready unless it has peers and all of them are damaged', () => {
  expect(whyStoreNotReady([])).toBeUndefined();
  expect(whyStoreNotReady(withRoles('Damaged', 'StateFollower'))).toBeUndefined();
  expect(whyStoreNotReady(withRoles('Damaged', 'Damaged'))).toMatch(
    /all peers .* are damaged .*: 2/,
  );
});
