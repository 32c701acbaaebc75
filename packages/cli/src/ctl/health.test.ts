import type { RegionStatus, StoreCondition, StoreStatus } from '@tinykv/client';
import { expect, it } from 'vitest';
import { problemsOf } from './health.js';

const store = (id: number, condition: StoreCondition): StoreStatus => ({
  store: { id, address: `s:${id}`, state: 'up' },
  condition,
  stats: undefined,
  regionCount: 1,
  leaderCount: 0,
  lastHeartbeatMs: 0,
  regionBytes: 0,
});
const peers = [1, 2, 3].map((id) => ({ id: 10 + id, storeId: id, learner: false }));
const region = (id: number, change: Partial<RegionStatus> = {}): RegionStatus => ({
  region: {
    id,
    range: { start: new Uint8Array(0), end: new Uint8Array(0) },
    epoch: { confVer: 1, version: 1 },
    peers,
  },
  leader: peers[0],
  approximateBytes: 0,
  approximateKeys: 0,
  pendingPeers: [],
  ...change,
});
const names = new Map([['s:3', 'store-3']]);

it('a whole cluster has no problems, with tombstones too', () => {
  const stores = [1, 2, 3].map((id) => store(id, 'up'));
  expect(problemsOf([...stores, store(4, 'tombstone')], [region(1)], names)).toEqual([]);
});

it('names stores that are not up and what each Region lacks', () => {
  const stores = [store(1, 'up'), store(2, 'up'), store(3, 'disconnected')];
  const regions = [region(1), region(2, { leader: undefined }), region(3, { leader: peers[2] })];
  expect(problemsOf(stores, regions, names)).toEqual([
    'store-3 (id 3) is Disconnected',
    'Region 1 has 2 of 3 voters on stores that are up',
    'Region 2 has no leader',
    'Region 3 is led by a store that is not up',
  ]);
});

it('a quorum that is lost comes first', () => {
  const stores = [store(1, 'up'), store(2, 'down'), store(3, 'down')];
  expect(problemsOf(stores, [region(1)], names).at(-1)).toBe(
    'Region 1 has lost its quorum: 1 of 3 voters',
  );
});
