import { describe, expect, it } from 'vitest';
import { describeRegionError, type RegionError } from './errors.js';
import {
  describeRegion,
  equalEpochs,
  equalPeers,
  findPeer,
  findPeerOnStore,
  isEpochStale,
  type Region,
} from './region.js';

const region: Region = {
  id: 7,
  range: { start: Uint8Array.of(0x61), end: Uint8Array.of(0x62) },
  epoch: { confVer: 2, version: 3 },
  peers: [
    { id: 70, storeId: 1, learner: false },
    { id: 71, storeId: 2, learner: true },
  ],
};

describe('Region', () => {
  it('prints on one line', () => {
    expect(describeRegion(region)).toBe('region 7 v3 c2 [a, b) [70@1 71@2(learner)]');
  });

  it('finds its peers', () => {
    expect(findPeer(region, 71)).toBe(region.peers[1]);
    expect(findPeerOnStore(region, 1)).toBe(region.peers[0]);
    expect(findPeer(region, 1)).toBeUndefined();
    expect(equalPeers(region.peers[0]!, { ...region.peers[0]! })).toBe(true);
    expect(equalPeers(region.peers[0]!, { ...region.peers[0]!, learner: true })).toBe(false);
  });

  it('has a stale epoch when either part is behind', () => {
    const epoch = (confVer: number, version: number) => ({ confVer, version });
    expect(isEpochStale(epoch(1, 9), epoch(2, 3))).toBe(true);
    expect(isEpochStale(epoch(9, 2), epoch(2, 3))).toBe(true);
    expect(isEpochStale(epoch(2, 3), epoch(2, 3))).toBe(false);
    expect(equalEpochs(epoch(2, 3), epoch(2, 3))).toBe(true);
    expect(equalEpochs(epoch(3, 2), epoch(2, 3))).toBe(false);
  });
});

describe('Region errors', () => {
  it('print what a person needs', () => {
    const errors: RegionError[] = [
      { type: 'not-leader', regionId: 7, leader: region.peers[0] },
      { type: 'not-leader', regionId: 7, leader: undefined },
      { type: 'region-not-found', regionId: 7 },
      { type: 'key-not-in-region', key: Uint8Array.of(1), region },
      { type: 'epoch-not-match', currentRegions: [] },
      { type: 'stale-command' },
      { type: 'store-not-match', requestStoreId: 1, actualStoreId: 2 },
      { type: 'server-is-busy', reason: 'queue' },
      { type: 'raft-entry-too-large', regionId: 7, entryBytes: 9 },
      { type: 'other', message: 'odd' },
    ];
    expect(errors.map(describeRegionError)).toMatchInlineSnapshot(`
      [
        "peer is not leader of region 7, leader is peer 70 on store 1",
        "peer is not leader of region 7",
        "region 7 is not found",
        "key is not in region 7",
        "epoch does not match",
        "stale command",
        "store is 2, not 1",
        "server is busy: queue",
        "entry of 9 bytes is too large for region 7",
        "odd",
      ]
    `);
  });
});
