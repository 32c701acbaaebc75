import { compareBytes, Prng } from '@tinykv/base';
import { ManualClock } from '@tinykv/base/testing';
import { runs } from '@tinykv/base/testing/fuzz';
import { isEpochStale, type KeyRange, type Peer, type RegionReport } from '@tinykv/model';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Cluster } from './cluster.js';
import { defaultSchedulerConfig } from './config.js';
import { type RegionIndex, regionInfo, type StoreCounts } from './region-index.js';
import { SchedulerState } from './state.js';

// Keys are single bytes 1..9; 0 stands for the empty key, 10 for the end of everything.
const END = 10;
const bytesOf = (n: number): Uint8Array =>
  n === 0 || n === END ? new Uint8Array(0) : Uint8Array.of(n);
const range: fc.Arbitrary<KeyRange> = fc
  .tuple(fc.integer({ min: 0, max: END - 1 }), fc.integer({ min: 1, max: END }))
  .map(([start, end]) => ({
    start: bytesOf(Math.min(start, end - 1)),
    end: bytesOf(Math.max(start + 1, end)),
  }));
const startOf = (r: KeyRange): number => r.start[0] ?? 0;
const endOf = (r: KeyRange): number => r.end[0] ?? END;
const has = (r: KeyRange, n: number): boolean => startOf(r) <= n && n < endOf(r);
const overlap = (a: KeyRange, b: KeyRange): boolean =>
  startOf(a) < endOf(b) && startOf(b) < endOf(a);

const STORES = [1, 2, 3, 4];
const MIB = 1_048_576;

const report: fc.Arbitrary<RegionReport> = fc
  .record({
    id: fc.integer({ min: 1, max: 6 }),
    range,
    epoch: fc.record({ confVer: fc.nat(2), version: fc.nat(3) }),
    stores: fc.oneof(
      { weight: 9, arbitrary: fc.uniqueArray(fc.constantFrom(...STORES), { maxLength: 3 }) },
      { weight: 1, arbitrary: fc.array(fc.constantFrom(...STORES), { maxLength: 3 }) },
    ),
    leader: fc.nat(2),
    pending: fc.nat(7),
    term: fc.nat(3),
    approximateBytes: fc.constantFrom(0, MIB - 1, 5 * MIB),
  })
  .map(({ id, range: r, epoch, stores, leader, pending, term, approximateBytes }) => {
    const peers = stores.map(
      (storeId): Peer => ({ id: id * 10 + storeId, storeId, learner: false }),
    );
    return {
      region: { id, range: r, epoch, peers },
      leader: peers[leader] ?? { id: 99, storeId: 1, learner: false },
      term,
      pendingPeers: peers.filter((_, i) => (pending >> i) & 1),
      downPeers: [],
      approximateBytes,
      approximateKeys: 1,
    };
  });

/** A report, or an earlier one again with something in it from this one. */
interface Step {
  readonly told: RegionReport;
  readonly earlier: number;
  readonly change: 'all' | 'nothing' | 'range' | 'epoch' | 'bytes' | 'term' | 'leader';
}

const step: fc.Arbitrary<Step> = fc.record({
  told: report,
  earlier: fc.nat(),
  change: fc.oneof(
    { weight: 3, arbitrary: fc.constant('all' as const) },
    {
      weight: 2,
      arbitrary: fc.constantFrom('nothing', 'range', 'epoch', 'bytes', 'term', 'leader'),
    },
  ),
});

function reportsOf(steps: readonly Step[]): RegionReport[] {
  const out: RegionReport[] = [];
  for (const { told, earlier, change } of steps) {
    const base = out[earlier % out.length];
    if (base === undefined || change === 'all') out.push(told);
    else if (change === 'nothing') out.push(structuredClone(base));
    else if (change === 'range')
      out.push({ ...base, region: { ...base.region, range: told.region.range } });
    else if (change === 'epoch')
      out.push({ ...base, region: { ...base.region, epoch: told.region.epoch } });
    else if (change === 'bytes') out.push({ ...base, approximateBytes: told.approximateBytes });
    else if (change === 'term') out.push({ ...base, term: told.term });
    else out.push({ ...base, leader: base.region.peers[earlier % 3] ?? base.leader });
  }
  return out;
}

/** The Regions as a list that is searched from end to end. */
class NaiveCluster {
  regions: RegionReport[] = [];

  /** True when the report is believed. */
  hear(told: RegionReport): boolean {
    const { id, epoch, peers } = told.region;
    if (!peers.some((peer) => peer.id === told.leader.id)) return false;
    if (new Set(peers.map((peer) => peer.storeId)).size < peers.length) return false;
    const known = this.regions.find((other) => other.region.id === id);
    const overlapping = this.regions.filter((o) => overlap(o.region.range, told.region.range));
    const rivals = known === undefined ? overlapping : [known];
    if (rivals.some((rival) => isEpochStale(epoch, rival.region.epoch))) return false;
    if (known !== undefined && told.term > 0 && told.term < known.term) return false;
    this.regions = this.regions.filter((other) => other !== known && !overlapping.includes(other));
    this.regions.push(told);
    this.regions.sort((a, b) => compareBytes(a.region.range.start, b.region.range.start));
    return peers.length > 0;
  }

  counts(storeId: number): StoreCounts {
    const here = this.regions.filter((r) => r.region.peers.some((p) => p.storeId === storeId));
    const led = here.filter((r) =>
      r.region.peers.some((p) => p.id === r.leader.id && p.storeId === storeId),
    );
    const size = (list: readonly RegionReport[]): number =>
      list.reduce((sum, r) => sum + regionInfo(r).size, 0);
    const bytes = (list: readonly RegionReport[]): number =>
      list.reduce((sum, r) => sum + r.approximateBytes, 0);
    const pending = here.filter((r) => r.pendingPeers.some((p) => p.storeId === storeId));
    return {
      regionCount: here.length,
      regionSize: size(here),
      leaderCount: led.length,
      leaderSize: size(led),
      pendingCount: pending.length,
      pendingBytes: bytes(pending),
      approximateBytes: bytes(here),
    };
  }

  /** Ids of Regions with a peer of the role on the store. A leader is no follower, whatever is pending. */
  withRole(storeId: number, role: 'leader' | 'follower' | 'pending'): number[] {
    const roleOf = (r: RegionReport): string | undefined => {
      const peer = r.region.peers.find((p) => p.storeId === storeId);
      if (peer === undefined) return undefined;
      if (r.leader.id === peer.id) return 'leader';
      return r.pendingPeers.some((p) => p.id === peer.id) ? 'pending' : 'follower';
    };
    return this.regions.filter((r) => roleOf(r) === role).map((r) => r.region.id);
  }
}

function newCluster(): Cluster {
  return new Cluster(new SchedulerState(), new ManualClock(), defaultSchedulerConfig);
}

function checkSearches(
  index: RegionIndex,
  naive: NaiveCluster,
  asked: KeyRange,
  limit: number,
): void {
  const { regions } = naive;
  const ids = regions.map((r) => r.region.id);
  expect(index.values().map((r) => r.id)).toEqual(ids);
  expect(index.size).toBe(ids.length);
  for (const id of [1, 2, 3, 4, 5, 6]) {
    expect(index.get(id)?.region).toEqual(regions.find((r) => r.region.id === id)?.region);
  }
  for (let n = 0; n < END; n++) {
    const found = regions.find((r) => has(r.region.range, n));
    const next = regions.find((r) => startOf(r.region.range) > n);
    const start = found && startOf(found.region.range);
    const previous = regions.find((r) => endOf(r.region.range) === start);
    expect(index.find(bytesOf(n))?.id).toBe(found?.region.id);
    expect(index.findFrom(bytesOf(n))?.id).toBe((found ?? next)?.region.id);
    expect(index.findPrevious(bytesOf(n))?.id).toBe(previous?.region.id);
  }
  const inside = regions.filter((r) => overlap(r.region.range, asked)).map((r) => r.region.id);
  const scanned = index.scan(asked.start, asked.end, limit).map((r) => r.id);
  expect(scanned).toEqual(limit === 0 ? inside : inside.slice(0, limit));
}

function checkStores(index: RegionIndex, naive: NaiveCluster): void {
  const rng = new Prng('roles');
  for (const storeId of STORES) {
    expect(index.counts(storeId)).toEqual(naive.counts(storeId));
    for (const role of ['leader', 'follower', 'pending'] as const) {
      const expected = naive.withRole(storeId, role);
      const drawn = index.randomRegion(storeId, role, rng)?.id;
      if (expected.length === 0) expect(drawn).toBeUndefined();
      else expect(expected).toContain(drawn);
    }
  }
}

describe('Regions as their leaders report them', () => {
  it('are what a list of reports says, stale ones refused', () => {
    let refused = 0;
    let believed = 0;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), range, fc.nat(3), (steps, asked, limit) => {
        const cluster = newCluster();
        const naive = new NaiveCluster();
        for (const told of reportsOf(steps)) {
          const answer = naive.hear(told);
          expect(cluster.onRegionHeartbeat(told).ok).toBe(answer);
          if (answer) believed += 1;
          else refused += 1;
        }
        checkSearches(cluster.regions, naive, asked, limit);
        checkStores(cluster.regions, naive);
      }),
      runs(200),
    );
    expect(Math.min(refused, believed)).toBeGreaterThan(100);
  });
});
