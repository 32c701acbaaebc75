/** The whole scheduler against stores that obey: what balance, replication and draining come to. */
import type { Region } from '@tinykv/model';
import { metapb, schedulerpb, tinykvadmin } from '@tinykv/proto';
import { describe, expect, it } from 'vitest';
import type { SchedulerConfig } from '../src/config.js';
import { Harness } from './support/harness.js';
import { ToyCluster } from './support/toy-cluster.js';
import { MIB, region } from './support/world.js';

const REGIONS = 120;

interface Loop {
  readonly harness: Harness;
  readonly toys: ToyCluster;
}

async function oneStore(config: Partial<SchedulerConfig> = {}): Promise<Loop> {
  const harness = new Harness(config);
  await harness.start();
  const toys = new ToyCluster(harness);
  await toys.bootstrap(region(9001, 0, 0, [1]));
  return { harness, toys };
}

/** 120 small Regions on stores 1 … 3, all led by store 1. */
async function threeStores(config: Partial<SchedulerConfig> = {}, bytes?: number): Promise<Loop> {
  const loop = await oneStore(config);
  const { toys } = loop;
  await toys.addStore(2);
  await toys.addStore(3);
  toys.regions.clear();
  for (let i = 0; i < REGIONS; i++) {
    const of: Region = region(i + 1, i, i === REGIONS - 1 ? 0 : i + 1, [1, 2, 3], 2);
    toys.addRegion(of, bytes);
  }
  return loop;
}

/** The greatest distance from the mean, as a share of it. */
function unevenness(counts: Record<number, number>): number {
  const values = Object.values(counts);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.max(...values.map((value) => Math.abs(value - mean) / mean));
}

async function settled(harness: Harness, maxSeconds: number): Promise<void> {
  for (let i = 0; i < maxSeconds; i++) {
    await harness.clock.run(1_000);
    if (i > 8 && harness.member.status().operators === 0) return;
  }
}

async function setState(harness: Harness, storeId: number, state: number): Promise<string> {
  const { error } = await harness.send(tinykvadmin.Admin.setStoreState, { storeId, state });
  return error;
}

describe('the closed loop', () => {
  it('gives the first Region its replicas as stores join', async () => {
    const { harness, toys } = await oneStore();
    await harness.clock.run(3_000);
    expect(toys.counts('peer')).toEqual({ 1: 1 });
    await toys.addStore(2);
    await harness.clock.run(3_000);
    expect(toys.counts('peer')).toEqual({ 1: 1, 2: 1 });
    await toys.addStore(3);
    await toys.addStore(4);
    await harness.clock.run(5_000);
    const { peers } = toys.regions.get(9001)!.region;
    expect(peers.map(({ learner }) => learner)).toEqual([false, false, false]);
    expect(new Set(peers.map(({ storeId }) => storeId)).size).toBe(3);
  });

  it('evens out leaders, then Regions when a fourth store joins, within 15 %', async () => {
    const { harness, toys } = await threeStores();
    await settled(harness, 60);
    expect(unevenness(toys.counts('leader'))).toBeLessThan(0.15);
    await toys.addStore(4);
    await settled(harness, 120);
    expect(Object.values(toys.counts('peer')).reduce((a, b) => a + b)).toBe(3 * REGIONS);
    expect(unevenness(toys.counts('peer'))).toBeLessThan(0.15);
    expect(unevenness(toys.counts('leader'))).toBeLessThan(0.15);

    // Nothing moves once all is even.
    const seen = toys.operatorsSeen;
    await harness.clock.run(60_000);
    expect(toys.operatorsSeen).toBe(seen);
  });

  it('drains a store that goes offline and buries it; one that is up again stays', async () => {
    const { harness, toys } = await threeStores();
    await toys.addStore(4);
    await settled(harness, 120);
    const stateOf = async (storeId: number): Promise<number | undefined> =>
      (await harness.call(schedulerpb.Scheduler.getStore, { storeId })).store?.state;

    expect(await setState(harness, 2, metapb.StoreState.Offline)).toBe('');
    await harness.clock.run(300);
    expect(await setState(harness, 2, metapb.StoreState.Up)).toBe('');
    await harness.clock.run(20_000);
    expect(await stateOf(2)).toBe(metapb.StoreState.Up);

    expect(await setState(harness, 2, metapb.StoreState.Offline)).toBe('');
    await settled(harness, 120);
    await harness.clock.run(5_000);
    expect(toys.counts('peer')).toEqual({ 1: REGIONS, 2: 0, 3: REGIONS, 4: REGIONS });
    expect(await stateOf(2)).toBe(metapb.StoreState.Tombstone);
    expect(await setState(harness, 2, metapb.StoreState.Up)).toContain('tombstone');
  });

  it('replaces the peers of a store that stays silent, and not before', async () => {
    const { harness, toys } = await threeStores({ maxStoreDownTimeMs: 60_000 });
    await toys.addStore(4);
    await settled(harness, 120);
    const before = toys.counts('peer')[3];
    toys.kill(3);
    await harness.clock.run(50_000);
    expect(toys.counts('peer')[3]).toBe(before);
    expect(toys.counts('leader')[3]).toBe(0);
    await harness.clock.run(120_000);
    expect(toys.counts('peer')).toEqual({ 1: REGIONS, 2: REGIONS, 3: 0, 4: REGIONS });
  });

  it('balances Regions of real sizes by their sizes', async () => {
    const { harness, toys } = await threeStores({}, 96 * MIB);
    await toys.addStore(4);
    await settled(harness, 120);
    expect(unevenness(toys.counts('peer'))).toBeLessThan(0.15);
  });

  it('has no preference for learners: peers with a vote at once reach the same end', async () => {
    const { harness, toys } = await threeStores({ learnersFirst: false });
    await toys.addStore(4);
    await settled(harness, 120);
    expect(unevenness(toys.counts('peer'))).toBeLessThan(0.15);
  });

  it('schedules nothing after a restart until the stores and their Regions have reported', async () => {
    const { harness, toys } = await threeStores();
    await settled(harness, 60);
    await harness.stop();
    const seen = toys.operatorsSeen;
    await harness.start();
    expect(harness.member.status()).toMatchObject({ prepared: false, bootstrapped: true });
    await harness.clock.run(3_000);
    expect(harness.member.status()).toMatchObject({ prepared: true, regions: REGIONS });
    await harness.clock.run(20_000);
    expect(toys.operatorsSeen).toBe(seen);
  });

  it('stays silent while it does not hold its lease', async () => {
    const { harness, toys } = await threeStores();
    harness.group.lease = false;
    await harness.clock.run(20_000);
    expect(toys.operatorsSeen).toBe(0);
    harness.group.lease = true;
    await settled(harness, 60);
    expect(unevenness(toys.counts('leader'))).toBeLessThan(0.15);
  });

  it('waits after a restart for a store that may only be slow', async () => {
    const { harness, toys } = await threeStores();
    await settled(harness, 60);
    toys.kill(2);
    await harness.stop();
    await harness.start();
    await harness.clock.run(15_000);
    expect(harness.member.status().prepared).toBe(false);
    await harness.clock.run(6_000);
    expect(harness.member.status().prepared).toBe(true);
  });

  it('prepares after a restart while Regions have no leader, if their stores say so', async () => {
    const { harness, toys } = await threeStores();
    await settled(harness, 60);
    for (let id = 1; id <= REGIONS / 2; id++) toys.leaderless.add(id);
    await harness.start();
    await harness.clock.run(3_000);
    expect(harness.member.status()).toMatchObject({ prepared: true, regions: REGIONS / 2 });
  });

  it('gives up waiting for Regions that nobody reports after five minutes, and says of which stores', async () => {
    const { harness, toys } = await threeStores();
    await settled(harness, 60);
    for (let id = 1; id <= REGIONS / 2; id++) toys.leaderless.add(id);
    toys.saysLeaderless = false;
    await harness.start();
    const prepared = () => harness.env.metrics.value('tinykv_scheduler_prepared');
    await harness.clock.run(299_000);
    expect([harness.member.status().prepared, prepared()]).toEqual([false, 0]);
    await harness.clock.run(11_000);
    expect([harness.member.status().prepared, prepared()]).toEqual([true, 1]);
    const warnings = harness.env.logger.lines.filter(({ level }) => level === 'warn');
    expect(warnings).toMatchObject([
      {
        message: 'scheduling begins though not all regions have been reported',
        fields: { missing: 'store 1: 60 of 120, store 2: 60 of 120, store 3: 60 of 120' },
      },
    ]);
  });

  it('drains a store though the first voter that could lead in its place is on a silent one', async () => {
    const { harness, toys } = await oneStore({ leaderScheduleLimit: 0, regionScheduleLimit: 0 });
    await toys.addStore(2);
    await toys.addStore(3);
    toys.regions.clear();
    for (let i = 0; i < 6; i++) toys.addRegion(region(i + 1, i, i === 5 ? 0 : i + 1, [1, 2, 3], 2));
    toys.mute(2);
    await toys.addStore(4);
    await harness.clock.run(25_000);
    const idBefore = (await harness.call(schedulerpb.Scheduler.allocID, {})).id;
    expect(await setState(harness, 1, metapb.StoreState.Offline)).toBe('');
    await harness.clock.run(60_000);
    expect(toys.counts('peer')[1]).toBe(0);
    const idAfter = (await harness.call(schedulerpb.Scheduler.allocID, {})).id;
    expect(idAfter - idBefore).toBeLessThan(40);
  });
});
