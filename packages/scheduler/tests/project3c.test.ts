/** TinyKV's course tests of stage 3C for the scheduler's picture of the cluster, by their names. */
import { Prng } from '@tinykv/base';
import type { Region } from '@tinykv/model';
import { describe, expect, test } from 'vitest';
import type { Cluster } from '../src/cluster.js';
import { again, info, key, MIB, region, report, voter, world } from './support/world.js';

const COUNT = 10;
const STORES = 3;

/** Ten Regions side by side, each on all three stores, led by one of them in turn. */
function tenRegions(): Region[] {
  return Array.from({ length: COUNT }, (_, i) => {
    const [a, b, c] = [1 + (i % 3), 1 + ((i + 1) % 3), 1 + ((i + 2) % 3)];
    return region(i + 1, i, i === COUNT - 1 ? 0 : i + 1, [a, b, c]);
  });
}

/** Counters of every store must be what a walk over the Regions gives. */
function checkCounts(cluster: Cluster): void {
  for (let storeId = 1; storeId <= STORES; storeId++) {
    const held = cluster.regions
      .values()
      .filter(({ region: { peers } }) => peers.some((peer) => peer.storeId === storeId));
    const led = held.filter(({ leader }) => leader?.storeId === storeId);
    const pending = held.filter(({ pendingPeers }) =>
      pendingPeers.some((peer) => peer.storeId === storeId),
    );
    const size = (list: typeof held): number => list.reduce((sum, { size }) => sum + size, 0);
    expect(cluster.regions.counts(storeId)).toMatchObject({
      regionCount: held.length,
      regionSize: size(held),
      leaderCount: led.length,
      leaderSize: size(led),
      pendingCount: pending.length,
    });
  }
}

/** A cluster that has heard of Regions 1 … i, and the one of number i + 1. */
function each(check: (cluster: Cluster, of: Region) => void): void {
  const { cluster } = world(STORES);
  for (const of of tenRegions()) {
    expect(cluster.onRegionHeartbeat(report(of)).ok).toBe(true);
    check(cluster, of);
    checkCounts(cluster);
  }
}

function accept(cluster: Cluster, of: Region, change: Parameters<typeof report>[1] = {}): void {
  const given = report(of, change);
  expect(cluster.onRegionHeartbeat(given)).toMatchObject({ ok: true });
  expect(cluster.regions.get(of.id)).toEqual(info(of, change));
}

function refuse(cluster: Cluster, of: Region): void {
  const known = cluster.regions.get(of.id);
  expect(cluster.onRegionHeartbeat(report(of)).ok).toBe(false);
  expect(cluster.regions.get(of.id)).toBe(known);
}

const bump = (of: Region, version: number, confVer: number): Region => ({
  ...of,
  epoch: { version: of.epoch.version + version, confVer: of.epoch.confVer + confVer },
});

describe('project 3C: what heartbeats do to the cluster', () => {
  test('TestRegionNotUpdate3C', () => each((cluster, of) => accept(cluster, again(of))));

  test('TestRegionUpdateVersion3C', () => each((cluster, of) => accept(cluster, bump(of, 1, 0))));

  test('TestRegionWithStaleVersion3C', () =>
    each((cluster, of) => {
      accept(cluster, bump(of, 1, 0));
      refuse(cluster, of);
      refuse(cluster, bump(of, 0, 1));
    }));

  test('TestRegionUpdateVersionAndConfver3C', () =>
    each((cluster, of) => accept(cluster, bump(of, 1, 1))));

  test('TestRegionWithStaleConfVer3C', () =>
    each((cluster, of) => {
      accept(cluster, bump(of, 0, 1));
      refuse(cluster, of);
      refuse(cluster, bump(of, 1, 0));
    }));

  test('TestRegionAddPendingPeer3C', () =>
    each((cluster, of) => accept(cluster, of, { pendingPeers: [of.peers[1]!] })));

  test('TestRegionRemovePendingPeer3C', () =>
    each((cluster, of) => {
      accept(cluster, of, { pendingPeers: [of.peers[1]!, of.peers[2]!] });
      accept(cluster, of, { pendingPeers: [of.peers[2]!] });
      accept(cluster, of);
    }));

  test('TestRegionRemovePeers3C', () =>
    each((cluster, of) => accept(cluster, { ...of, peers: of.peers.slice(0, 1) })));

  test('TestRegionAddBackPeers3C', () =>
    each((cluster, of) => {
      accept(cluster, { ...of, peers: of.peers.slice(0, 1) });
      accept(cluster, of);
    }));

  test('TestRegionChangeLeader3C', () =>
    each((cluster, of) => accept(cluster, of, { leader: of.peers[1]! })));

  test('TestRegionChangeApproximateSize3C', () =>
    each((cluster, of) => accept(cluster, of, { approximateBytes: 144 * MIB })));

  test('TestRegionCounts3C', () => {
    const { cluster } = world(STORES);
    tenRegions().forEach((of, i) => {
      accept(cluster, of);
      expect(cluster.regions.size).toBe(i + 1);
    });
  });

  test('TestRegionGetRegions3C', () => {
    const { cluster } = world(STORES);
    for (const of of tenRegions()) accept(cluster, of);
    tenRegions().forEach((of, i) => {
      expect(cluster.regions.get(of.id)?.region).toEqual(of);
      expect(cluster.regions.find(i === 0 ? new Uint8Array(0) : key(i))?.region).toEqual(of);
    });
    expect(cluster.regions.values().map(({ id }) => id)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  test('TestRegionGetStores3C', () =>
    each((cluster, of) => {
      const known = cluster.regions.get(of.id)!;
      const storeIds = known.region.peers.map((peer) => peer.storeId);
      expect(storeIds.map((id) => cluster.store(id)?.state)).toEqual(['up', 'up', 'up']);
      expect(cluster.store(known.leader!.storeId)?.id).toBe(of.peers[0]?.storeId);
    }));

  test('TestRegionGetStoresInfo3C', () => {
    const { cluster } = world(STORES);
    for (const of of tenRegions()) {
      accept(cluster, of, { approximateBytes: of.id * MIB, pendingPeers: [of.peers[2]!] });
    }
    checkCounts(cluster);
    for (const of of tenRegions()) accept(cluster, of, { leader: of.peers[2]! });
    checkCounts(cluster);
    expect(cluster.regions.counts(1)).toMatchObject({ regionCount: 10, pendingCount: 0 });
  });

  test('TestHeartbeatSplit3C', () => {
    const { cluster } = world(STORES);
    const whole = region(1, 0, 0, [1, 2, 3]);
    accept(cluster, whole);
    expect(cluster.regions.find(key(9))?.id).toBe(1);

    // The right half reports first, with the version that the whole still has here.
    const right = region(2, 20, 0, [1, 2, 3]);
    accept(cluster, right);
    expect(cluster.regions.find(key(9))).toBeUndefined();
    expect(cluster.regions.get(1)).toBeUndefined();
    const left = region(1, 0, 20, [1, 2, 3], 2);
    accept(cluster, left);
    expect(cluster.regions.find(key(9))?.id).toBe(1);
    expect(cluster.regions.find(key(30))?.id).toBe(2);

    // The left half first.
    accept(cluster, region(1, 0, 10, [1, 2, 3], 3));
    expect(cluster.regions.find(key(15))).toBeUndefined();
    accept(cluster, region(3, 10, 20, [1, 2, 3], 3));
    expect(cluster.regions.find(key(15))?.id).toBe(3);
    checkCounts(cluster);
  });

  test('TestRegionSplitAndMerge3C', () => {
    const { cluster } = world(STORES);
    let regions = [region(1, 0, 0, [1, 2, 3])];
    let nextId = 2;
    const check = (list: readonly Region[]): void => {
      expect(cluster.regions.values().map((known) => known.region)).toEqual(list);
      checkCounts(cluster);
    };
    const step = 256;
    // Seven levels: every Region splits in half, the halves report in any order.
    for (let level = 1; level <= 7; level++) {
      const halves = regions.flatMap((of, i) => {
        const middle = key((2 * i + 1) * (step >> level) * 16);
        const version = of.epoch.version + 1;
        const epoch = { ...of.epoch, version };
        const id = nextId++;
        return [
          { ...of, range: { start: of.range.start, end: middle }, epoch },
          { ...of, id, range: { start: middle, end: of.range.end }, epoch },
        ];
      });
      const shuffled = new Prng(level);
      for (const of of [...halves].sort(() => shuffled.float() - 0.5)) accept(cluster, of);
      regions = halves;
      check(regions);
    }
    for (let level = 1; level <= 7; level++) {
      const merged: Region[] = [];
      for (let i = 0; i < regions.length; i += 2) {
        const [left, right] = [regions[i]!, regions[i + 1]!];
        const version = Math.max(left.epoch.version, right.epoch.version) + 1;
        const range = { start: left.range.start, end: right.range.end };
        merged.push({ ...left, range, epoch: { ...left.epoch, version } });
      }
      for (const of of merged) accept(cluster, of);
      regions = merged;
      check(regions);
    }
  });

  test('TestConcurrentHandleRegion3C', () => {
    const { cluster } = world(STORES);
    const rng = new Prng('interleaved');
    const pending = Array.from({ length: 1000 }, (_, i) =>
      [1, 2].map((version) => report(region(i + 1, i, i + 1, [1, 2, 3], version))),
    ).flat();
    // Any interleaving of 2000 reports, two of each Region, ends in the newer ones.
    while (pending.length > 0) {
      const [next] = pending.splice(rng.int(0, pending.length), 1);
      cluster.onRegionHeartbeat(next!);
    }
    expect(cluster.regions.size).toBe(1000);
    expect(cluster.regions.values().every(({ region: { epoch } }) => epoch.version === 2)).toBe(
      true,
    );
    checkCounts(cluster);
  });
});

describe('reports that are wrong or late', () => {
  test('a Region without peers is an error after it was taken in', () => {
    const { cluster } = world(STORES);
    accept(cluster, region(1, 0, 0, [1]));
    expect(cluster.onRegionHeartbeat(report(region(1, 0, 0, [], 2))).ok).toBe(false);
    // The same again is no news, and as wrong as before.
    expect(cluster.onRegionHeartbeat(report(region(1, 0, 0, [], 2))).ok).toBe(false);
    checkCounts(cluster);
  });

  test('a Region with two peers on one store is refused, and the next report of it is taken', () => {
    const { cluster } = world(STORES);
    accept(cluster, region(1, 0, 0, [1, 2, 3]));
    refuse(cluster, region(1, 0, 0, [1, 2, 2], 2));
    checkCounts(cluster);
    accept(cluster, region(1, 0, 0, [1, 2, 4], 2));
    checkCounts(cluster);
  });

  test('a new start of the same Region is news, whatever its epoch says', () => {
    const { cluster } = world(STORES);
    accept(cluster, region(1, 10, 20, [1, 2, 3]));
    accept(cluster, region(1, 5, 20, [1, 2, 3]));
    expect(cluster.regions.find(Uint8Array.of(0, 7))?.id).toBe(1);
  });

  test('a former leader of the same epoch is told apart by its term', () => {
    const { cluster } = world(STORES);
    const of = region(1, 0, 0, [1, 2, 3]);
    accept(cluster, of, { term: 7, leader: of.peers[1]! });
    expect(cluster.onRegionHeartbeat(report(of, { term: 6 })).ok).toBe(false);
    expect(cluster.regions.get(1)?.leader).toEqual(voter(12, 2));
    // A foreign store does not say its term.
    accept(cluster, of, { term: 0 });
  });

  test('a new Region that overlaps a newer one is refused', () => {
    const { cluster } = world(STORES);
    accept(cluster, region(1, 0, 20, [1, 2, 3], 5));
    refuse(cluster, region(2, 10, 0, [1, 2, 3], 4));
    refuse(cluster, region(2, 10, 0, [1, 2, 3], 6, 0));
    expect(cluster.regions.size).toBe(1);
  });
});
