import { EMPTY_BYTES } from '@tinykv/base';
import { fakeEnv } from '@tinykv/base/testing';
import { findPeer, type Region, type RegionReport, type SchedulerApi } from '@tinykv/model';
import type { Group } from '@tinykv/replica';
import { expect, it } from 'vitest';
import { defaultRaftStoreConfig } from './config.js';
import { Peer } from './peer.js';
import { Reporter } from './reporter.js';

const config = { ...defaultRaftStoreConfig, address: 'store-1:1' };
const self = { startToken: 9, refused: () => undefined };

function leader(id: number, silentMs: Readonly<Record<number, number>>): Peer {
  const peers = [1, 2, 3].map((n) => ({ id: n, storeId: n, learner: false }));
  const range = { start: EMPTY_BYTES, end: EMPTY_BYTES };
  return {
    isLeader: true,
    initialized: true,
    meta: peers[0],
    region: { id, range, epoch: { confVer: 1, version: 1 }, peers },
    mostBytes: 0,
    lastReport: '',
    lastReportAt: Number.NEGATIVE_INFINITY,
    group: {
      silentMs: (peer: number) => silentMs[peer] ?? 0,
      node: { term: 6, progressOf: () => ({ match: 9, recentActive: false }) },
      storage: { truncated: { index: 5, term: 5 } },
    },
  } as unknown as Peer;
}

/** The leader's report of followers that have been silent for so long; the core has just checked its quorum. */
function downAfter(silentMs: Readonly<Record<number, number>>): readonly number[] {
  const reports: RegionReport[] = [];
  const scheduler = { regionHeartbeat: (report: RegionReport) => reports.push(report) };
  const peer = leader(7, silentMs);
  new Reporter(fakeEnv(), scheduler as unknown as SchedulerApi, config, self).report(peer);
  return reports[0]!.downPeers.map(({ id }) => id);
}

it('a follower is down when it has been silent for two election timeouts, and not before', () => {
  expect(downAfter({})).toEqual([]);
  expect(downAfter({ 2: 1_999, 3: 2_001 })).toEqual([3]);
});

it('reports a promoted leader as the voter that its Region says it is', () => {
  const reports: RegionReport[] = [];
  const scheduler = { regionHeartbeat: (report: RegionReport) => reports.push(report) };
  const { region, group } = leader(7, {});
  const asMembers = (learner: boolean): Region => ({
    ...region,
    epoch: { confVer: learner ? 2 : 3, version: 1 },
    peers: region.peers.map((peer) => (peer.id === 2 ? { ...peer, learner } : peer)),
  });
  const joining = asMembers(true);
  const peer = new Peer(
    findPeer(joining, 2)!,
    joining,
    { ...group, isLeader: true } as unknown as Group,
    0,
  );
  peer.setRegion(asMembers(false));
  new Reporter(fakeEnv(), scheduler as unknown as SchedulerApi, config, self).report(peer);
  expect(reports[0]!.leader).toEqual({ id: 2, storeId: 2, learner: false });
  expect(peer.meta).toBe(findPeer(peer.region, 2));
});

it('reports all Regions anew within a second once reports were lost, and not all at once', () => {
  const reported: number[] = [];
  const scheduler = { regionHeartbeat: ({ region }: RegionReport) => reported.push(region.id) };
  const env = fakeEnv();
  const reporter = new Reporter(env, scheduler as unknown as SchedulerApi, config, self);
  const peers = Array.from({ length: 100 }, (_, i) => leader(i + 1, {}));
  const check = (): number => {
    const before = reported.length;
    for (const peer of peers) reporter.report(peer);
    return reported.length - before;
  };
  expect([check(), check()]).toEqual([100, 0]);
  env.clock.advance(1_000);
  reporter.reportAgain(peers);
  const counts: number[] = [];
  for (let ms = 0; ms <= 1_000; ms += 200) {
    counts.push(check());
    env.clock.advance(200);
  }
  expect(counts).toEqual([1, 20, 20, 20, 20, 19]);
  expect(new Set(reported.slice(100)).size).toBe(100);
});
