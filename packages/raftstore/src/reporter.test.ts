import { EMPTY_BYTES } from '@tinykv/base';
import { fakeEnv } from '@tinykv/base/testing';
import type { RegionReport, SchedulerApi } from '@tinykv/model';
import { expect, it } from 'vitest';
import { defaultRaftStoreConfig } from './config.js';
import type { Peer } from './peer.js';
import { Reporter } from './reporter.js';

/** What a leader reports of followers that have been silent for so long; the core has just checked its quorum. */
function downAfter(silentMs: Readonly<Record<number, number>>): readonly number[] {
  const reports: RegionReport[] = [];
  const scheduler = { regionHeartbeat: (report: RegionReport) => reports.push(report) };
  const config = { ...defaultRaftStoreConfig, address: 'store-1:1' };
  const peers = [1, 2, 3].map((id) => ({ id, storeId: id, learner: false }));
  const range = { start: EMPTY_BYTES, end: EMPTY_BYTES };
  const peer = {
    isLeader: true,
    initialized: true,
    meta: peers[0],
    region: { id: 7, range, epoch: { confVer: 1, version: 1 }, peers },
    mostBytes: 0,
    lastReport: '',
    lastReportAt: Number.NEGATIVE_INFINITY,
    group: {
      silentMs: (id: number) => silentMs[id] ?? 0,
      node: { term: 6, progressOf: () => ({ match: 9, recentActive: false }) },
      storage: { truncated: { index: 5, term: 5 } },
    },
  } as unknown as Peer;
  const self = { startToken: 9, refused: () => undefined };
  new Reporter(fakeEnv(), scheduler as unknown as SchedulerApi, config, self).report(peer);
  return reports[0]!.downPeers.map(({ id }) => id);
}

it('a follower is down when it has been silent for two election timeouts, and not before', () => {
  expect(downAfter({})).toEqual([]);
  expect(downAfter({ 2: 1_999, 3: 2_001 })).toEqual([3]);
});
