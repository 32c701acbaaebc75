/** Requests that anybody can send to a scheduler, and what must not come of them. */
import { composeTimestamp, limits } from '@tinykv/base';
import { regionToWire, reportToWire, schedulerpb, tinykvadmin } from '@tinykv/proto';
import { beforeEach, describe, expect, it } from 'vitest';
import { Harness } from './support/harness.js';
import { region, report, voter } from './support/world.js';

const { Scheduler } = schedulerpb;
const { Admin } = tinykvadmin;
let harness: Harness;

beforeEach(async () => {
  harness = new Harness({});
  await harness.start();
});

async function addresses(): Promise<readonly string[]> {
  const { stores } = await harness.call(Scheduler.getAllStores, {});
  return stores.map(({ address }) => address);
}

describe('a store whose address leads nowhere', () => {
  const BAD = ['', 'localhost', ':20160', 'store:0', 'store:99999', 'two words:1', 'http://a:1'];

  it('is not registered', async () => {
    await harness.bootstrap();
    for (const address of BAD) {
      await expect(harness.call(Scheduler.putStore, { store: { id: 2, address } })).rejects.toThrow(
        `store 2: ${JSON.stringify(address)} is not an address that other stores can reach`,
      );
    }
    expect(await addresses()).toEqual(['store:1']);
  });

  it('does not bootstrap a cluster', async () => {
    for (const address of BAD) {
      const store = { id: 1, address };
      await expect(harness.call(Scheduler.bootstrap, { store })).rejects.toThrow(/other stores/);
    }
    expect(await harness.call(Scheduler.isBootstrapped, {})).toMatchObject({ bootstrapped: false });
  });
});

it('no more stores are registered than a cluster can have', { timeout: 120_000 }, async () => {
  await harness.bootstrap();
  for (let id = 2; id <= limits.storesMax; id++) {
    const store = { id, address: `s${id}:1`, state: 'up' as const };
    harness.group.state.apply({ type: 'put-store', store });
  }
  const put = (id: number) => harness.call(Scheduler.putStore, { store: { id, address: 'new:1' } });
  await expect(put(limits.storesMax + 1)).rejects.toThrow('too many stores are registered');
  expect(harness.group.state.stores.size).toBe(limits.storesMax);
  // One that is known may move.
  await put(2);
  expect((await addresses())[1]).toBe('new:1');
});

describe('a setting without sense', () => {
  beforeEach(() => harness.bootstrap());

  it('is refused for the collection, and the former stays', async () => {
    const good = { lifeTimeMs: 5_000, runIntervalMs: 2_000 };
    expect((await harness.send(Admin.setGC, good)).error).toBe('');
    for (const [bad, reason] of [
      [{ ...good, runIntervalMs: 0 }, /^the run interval must be positive$/],
      [{ ...good, runIntervalMs: Number.MAX_SAFE_INTEGER }, /^a time of \d+ ms: the most is \d+$/],
      [{ ...good, lifeTimeMs: Number.MAX_SAFE_INTEGER }, /^a time of \d+ ms: the most is \d+$/],
    ] as const) {
      expect((await harness.send(Admin.setGC, bad)).error).toMatch(reason);
      expect(await harness.send(Admin.getGCState, {})).toMatchObject(good);
    }
  });

  it('is refused for a service that would hold the safe point for longer than a year', async () => {
    const now = composeTimestamp(harness.clock.wall(), 0);
    const ask = (ttlMs: number) =>
      harness.send(Admin.updateServiceGCSafePoint, { serviceId: 'x', safePoint: now, ttlMs });
    expect((await ask(140_000 * limits.gcPeriodMsMax)).error).toContain('ttl');
    expect((await harness.send(Admin.getGCState, {})).services).toEqual([]);
    expect((await ask(limits.gcPeriodMsMax)).error).toBe('');
  });

  it('is refused for the number of peers', async () => {
    const put = (maxPeerCount: number) =>
      harness.call(Scheduler.putClusterConfig, {
        cluster: { id: harness.clusterId, maxPeerCount },
      });
    for (const bad of [0, limits.maxPeerCountMax + 1]) {
      await expect(put(bad)).rejects.toThrow(`invalid max peer count ${bad}`);
    }
    const { cluster } = await harness.call(Scheduler.getClusterConfig, {});
    expect(cluster?.maxPeerCount).toBe(3);
  });

  it('is refused for the id of a store that nobody can have been given', async () => {
    for (const id of [2 ** 32, Number.MAX_SAFE_INTEGER]) {
      const store = { id, address: 'store:2' };
      await expect(harness.call(Scheduler.putStore, { store })).rejects.toThrow(
        `store ${id}: no such id was given out`,
      );
    }
    // The harness has not asked for the id of its first store.
    await harness.call(Scheduler.allocID, {});
    const { id } = await harness.call(Scheduler.allocID, {});
    await harness.call(Scheduler.putStore, { store: { id, address: 'store:2' } });
    expect(await addresses()).toEqual(['store:1', 'store:2']);
  });
});

describe('a Region heartbeat that no honest leader sends', () => {
  const real = region(1, 0, 0, [1, 2], 5, 7);
  const forged = region(1, 0, 0, [1, 2], 6, 8);
  const grown = (version: number, confVer: number) => region(1, 0, 0, [1, 2], version, confVer);

  beforeEach(async () => {
    await harness.bootstrap();
    await harness.call(Scheduler.putStore, { store: { id: 2, address: 'store:2' } });
  });

  it.each([
    ['no peers', report({ ...forged, peers: [] }, { leader: voter(11, 1) })],
    ['two peers on one store', report({ ...forged, peers: [voter(11, 1), voter(12, 1)] })],
    ['two peers with one id', report({ ...forged, peers: [voter(11, 1), voter(11, 2)] })],
    ['a leader outside its peers', report(forged, { leader: voter(99, 2) })],
    ['a leader on the store of another peer', report(forged, { leader: voter(11, 2) })],
    ['a version that jumps', report(grown(Number.MAX_SAFE_INTEGER, 7))],
    ['a membership that jumps', report(grown(5, Number.MAX_SAFE_INTEGER))],
  ])('with %s is refused, and changes nothing', async (_, lie) => {
    const honest = harness.heartbeatStream();
    honest.send(reportToWire(report(real)));
    await harness.clock.settle();
    const stranger = harness.heartbeatStream();
    stranger.send(reportToWire(lie));
    await harness.clock.settle();
    expect(stranger.received.map(({ header }) => header?.error?.type)).toEqual([
      schedulerpb.ErrorType.UNKNOWN,
    ]);
    const found = await harness.call(Scheduler.getRegionByID, { regionId: 1 });
    expect(found.region).toMatchObject(regionToWire(real));
    // The store is still reached by its own stream.
    const order = { regionId: 1, kind: 'transfer-leader', storeId: 2 };
    expect((await harness.send(Admin.addOperator, order)).error).toBe('');
    expect(honest.received.at(-1)).toMatchObject({ transferLeader: { peer: voter(12, 2) } });
    // The next report of the real leader counts.
    honest.send(reportToWire(report(grown(5, 8))));
    await harness.clock.settle();
    const next = await harness.call(Scheduler.getRegionByID, { regionId: 1 });
    expect(next.region?.regionEpoch).toMatchObject({ confVer: 8, version: 5 });
  });

  it('is refused too for a Region that nobody knows yet', async () => {
    const stranger = harness.heartbeatStream();
    stranger.send(reportToWire(report(grown(Number.MAX_SAFE_INTEGER, 1))));
    await harness.clock.settle();
    expect((await harness.call(Scheduler.getRegionByID, { regionId: 1 })).region).toBeUndefined();
  });
});
