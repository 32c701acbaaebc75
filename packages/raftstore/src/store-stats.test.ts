import { expect, it } from 'vitest';
import type { Peer } from './peer.js';
import { type StoreFacts, storeStats } from './store-stats.js';

function peer(id: number, lead: number, ledAt: number, change: Partial<Peer> = {}): Peer {
  const group = { node: { lead } };
  const meta = { id, storeId: 1, learner: false };
  const rest = { initialized: true, damaged: false, approximateBytes: 10.4, ...change };
  return { meta, group, ledAt, ...rest } as unknown as Peer;
}

function stats(change: Partial<StoreFacts>): ReturnType<typeof storeStats> {
  return storeStats({
    storeId: 1,
    startTime: 7,
    now: 100_000,
    electionTimeoutMs: 1_000,
    space: { capacity: 100, available: 40 },
    snapshots: { sending: 1, receiving: 2, applying: 3 },
    peers: [],
    isBusy: false,
    ...change,
  });
}

it('announces the Regions that have had no leader for longer than elections take', () => {
  const peers = [
    peer(1, 5, 0),
    peer(2, 0, 96_000),
    peer(3, 0, 95_999),
    // It waits for its first snapshot from a leader that counts it.
    peer(4, 0, 0, { initialized: false }),
  ];
  expect(stats({ peers })).toMatchObject({ regionCount: 4, leaderlessRegions: 1, usedSize: 42 });
});

it('names damaged peers', () => {
  const peers = [peer(1, 5, 0), peer(2, 0, 99_999, { damaged: true })];
  expect(stats({ peers }).damagedPeers).toEqual([2]);
});
