/** Every unary call of the scheduler, through encoded bytes: what TinyKV answers, to the letter. */
import { regionToWire, reportToWire, schedulerpb, tinykvadmin } from '@tinykv/proto';
import { beforeEach, describe, expect, it } from 'vitest';
import { Harness } from './support/harness.js';
import { key, region, report } from './support/world.js';

const { Scheduler, ErrorType } = schedulerpb;
/** Stores of TinyKV do not say which start they are. */
const NO_START = { startToken: 0, formerStartToken: 0 };
const store = (id: number, address = `store:${id}`) => ({ id, address });
let harness: Harness;

beforeEach(async () => {
  harness = new Harness({ name: 'pd-1', clientUrls: ['http://10.0.0.1:2379'] });
  await harness.start();
});

/** Regions 1 [–, 10), 2 [10, 20), 4 [30, ∞) on stores 1 … 3; the last has no known leader. */
async function threeRegions(): Promise<void> {
  await harness.call(Scheduler.bootstrap, {
    store: store(1),
    region: regionToWire(region(4, 30, 0, [1])),
  });
  await harness.call(Scheduler.putStore, { store: store(2) });
  const stream = harness.heartbeatStream();
  for (const of of [region(1, 0, 10, [1, 2], 5, 7), region(2, 10, 20, [1])]) {
    stream.send(reportToWire(report(of)));
  }
  await harness.clock.settle();
}

describe('the gate of all calls', () => {
  it('lets GetMembers through without a header: clients learn the cluster id there', async () => {
    const answer = await harness.send(Scheduler.getMembers, {});
    expect(answer.header).toEqual({ clusterId: harness.clusterId, error: undefined });
    const member = { name: 'pd-1', clientUrls: ['http://10.0.0.1:2379'] };
    expect(answer).toMatchObject({ members: [member], leader: member, etcdLeader: member });
    expect(answer.leader?.memberId).toBeGreaterThan(0);
  });

  it('refuses clients of another cluster with both ids in the text', async () => {
    const id = harness.clusterId;
    const request = { header: { clusterId: 7 } };
    await expect(harness.send(Scheduler.allocID, request)).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      message: `mismatch cluster id, need ${id} but got 7`,
    });
    await expect(harness.send(Scheduler.isBootstrapped, {})).rejects.toMatchObject({
      message: `mismatch cluster id, need ${id} but got 0`,
    });
  });

  it('answers UNAVAILABLE when it does not lead or has lost its lease', async () => {
    const refused = { code: 'UNAVAILABLE', message: 'not leader' };
    harness.group.lease = false;
    await expect(harness.call(Scheduler.allocID, {})).rejects.toMatchObject(refused);
    harness.group.lease = true;
    harness.group.resign();
    await harness.clock.settle();
    await expect(harness.call(Scheduler.isBootstrapped, {})).rejects.toMatchObject(refused);
    const { leader, members } = await harness.send(Scheduler.getMembers, {});
    expect([leader, members.length]).toEqual([undefined, 1]);
  });

  it('refuses bytes that are no message', async () => {
    const call = harness.net.call('scheduler:2379', Scheduler.allocID.path, Uint8Array.of(0xff), {
      timeoutMs: 1_000,
    });
    await expect(harness.clock.runUntil(call)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('says NOT_BOOTSTRAPPED in the header of every call that needs a cluster', async () => {
    const calls = [
      Scheduler.getStore,
      Scheduler.putStore,
      Scheduler.getAllStores,
      Scheduler.storeHeartbeat,
      Scheduler.getRegion,
      Scheduler.getPrevRegion,
      Scheduler.getRegionByID,
      Scheduler.scanRegions,
      Scheduler.askSplit,
      Scheduler.getClusterConfig,
      Scheduler.putClusterConfig,
      Scheduler.getGCSafePoint,
      Scheduler.updateGCSafePoint,
      Scheduler.getOperator,
    ] as const;
    for (const method of calls) {
      const error = await harness.headerError(method as typeof Scheduler.getStore);
      expect([method.name, error]).toEqual([
        method.name,
        [ErrorType.NOT_BOOTSTRAPPED, 'cluster is not bootstrapped'],
      ]);
    }
  });

  it('has a handler for every call of both services', () => {
    const { unary, stream } = harness.member.services();
    for (const method of Object.values(Scheduler)) {
      expect((method.clientStream ? stream : unary).has(method.path)).toBe(true);
    }
    const admin = Object.values(tinykvadmin.Admin).map(({ path }) => path);
    expect([...unary.keys()].filter((path) => path.startsWith('/tinykvadmin')).sort()).toEqual(
      admin.sort(),
    );
  });
});

describe('bootstrap and ids', () => {
  it('bootstraps once', async () => {
    expect((await harness.call(Scheduler.isBootstrapped, {})).bootstrapped).toBe(false);
    expect(await harness.headerError(Scheduler.bootstrap, { store: store(1) })).toBeUndefined();
    expect(await harness.headerError(Scheduler.bootstrap, { store: store(2) })).toEqual([
      ErrorType.ALREADY_BOOTSTRAPPED,
      'cluster is already bootstrapped',
    ]);
    expect((await harness.call(Scheduler.isBootstrapped, {})).bootstrapped).toBe(true);
    const { cluster } = await harness.call(Scheduler.getClusterConfig, {});
    expect(cluster).toEqual({ id: harness.clusterId, maxPeerCount: 3, api: 'txn' });
  });

  it('wants a store with an id', async () => {
    const unknown = { code: 'UNKNOWN' };
    await expect(harness.call(Scheduler.bootstrap, {})).rejects.toMatchObject(unknown);
    const noId = harness.call(Scheduler.bootstrap, { store: store(0) });
    await expect(noId).rejects.toMatchObject(unknown);
  });

  it('keeps the API and knows the Region that a store of ours bootstraps with', async () => {
    const first = regionToWire(region(2, 0, 0, [1]));
    await harness.call(Scheduler.bootstrap, { store: store(1), api: 'raw', region: first });
    expect((await harness.call(Scheduler.getClusterConfig, {})).cluster?.api).toBe('raw');
    const found = await harness.call(Scheduler.getRegion, { regionKey: key(5) });
    expect([found.region?.id, found.leader]).toEqual([2, undefined]);
  });

  it('counts ids from 1, and skips to the next window when it starts anew', async () => {
    expect((await harness.call(Scheduler.allocID, {})).id).toBe(1);
    expect((await harness.call(Scheduler.allocID, {})).id).toBe(2);
    await harness.start();
    expect((await harness.call(Scheduler.allocID, {})).id).toBe(1001);
  });
});

describe('stores', () => {
  beforeEach(() => harness.bootstrap());

  it('are put, changed in their address alone, listed and got', async () => {
    await harness.call(Scheduler.putStore, { store: store(2) });
    await harness.call(Scheduler.putStore, { store: { ...store(2, 'moved:2'), state: 1 } });
    const { stores } = await harness.call(Scheduler.getAllStores, {});
    expect(stores).toEqual([
      { id: 1, address: 'store:1', state: 0, ...NO_START },
      { id: 2, address: 'moved:2', state: 0, ...NO_START },
    ]);
    const got = await harness.call(Scheduler.getStore, { storeId: 2 });
    expect(got).toMatchObject({ store: { address: 'moved:2' }, stats: { storeId: 2 } });
    await expect(harness.call(Scheduler.getStore, { storeId: 9 })).rejects.toMatchObject({
      code: 'UNKNOWN',
      message: 'invalid store ID 9, not found',
    });
  });

  it('may not share an address', async () => {
    const taken = harness.call(Scheduler.putStore, { store: store(2, 'store:1') });
    await expect(taken).rejects.toMatchObject({ code: 'UNKNOWN' });
    await expect(taken).rejects.toThrow(
      /^store 2: the address store:1 belongs to store 1, heard of [\d.]+ s ago: start this store at another address/,
    );
    const noId = harness.call(Scheduler.putStore, { store: store(0, 'x:1') });
    await expect(noId).rejects.toMatchObject({ code: 'UNKNOWN' });
  });

  it('report their stats, which GetStore gives back', async () => {
    const stats = { storeId: 1, capacity: 2 ** 53 - 1, available: 5, regionCount: 3, usedSize: 4 };
    await harness.call(Scheduler.storeHeartbeat, { stats });
    expect((await harness.call(Scheduler.getStore, { storeId: 1 })).stats).toMatchObject(stats);
    const unknown = { code: 'UNKNOWN' };
    await expect(harness.call(Scheduler.storeHeartbeat, {})).rejects.toMatchObject(unknown);
    const stranger = harness.call(Scheduler.storeHeartbeat, { stats: { storeId: 9 } });
    await expect(stranger).rejects.toMatchObject(unknown);
  });

  it('that are tombstones may neither report nor come back', async () => {
    await harness.call(Scheduler.putStore, { store: store(2) });
    for (const state of ['offline', 'tombstone'] as const) {
      await harness.clock.runUntil(
        harness.group.propose({ type: 'set-store-state', storeId: 2, state }),
      );
    }
    const tombstone = [ErrorType.STORE_TOMBSTONE, 'store 2 is tombstone'];
    expect(await harness.headerError(Scheduler.putStore, { store: store(2) })).toEqual(tombstone);
    const stats = { storeId: 2 };
    expect(await harness.headerError(Scheduler.storeHeartbeat, { stats })).toEqual(tombstone);
    const all = await harness.call(Scheduler.getAllStores, {});
    expect(all.stores.map(({ id, state }) => [id, state])).toEqual([
      [1, 0],
      [2, 2],
    ]);
    const living = await harness.call(Scheduler.getAllStores, { excludeTombstoneStores: true });
    expect(living.stores.map(({ id }) => id)).toEqual([1]);
  });
});

describe('Regions', () => {
  beforeEach(threeRegions);

  it('are found by key, and a gap is answered by none', async () => {
    const at = (n: number) => harness.call(Scheduler.getRegion, { regionKey: key(n) });
    const first = await at(5);
    expect(first.region).toMatchObject({ id: 1, regionEpoch: { confVer: 7, version: 5 } });
    expect(first.leader).toEqual({ id: 11, storeId: 1, learner: false });
    expect(first.slaves).toEqual([]);
    expect((await at(10)).region?.id).toBe(2);
    const gap = await at(25);
    expect([gap.header?.error, gap.region, gap.leader]).toEqual([undefined, undefined, undefined]);
    const empty = await harness.call(Scheduler.getRegion, { regionKey: new Uint8Array(0) });
    expect(empty.region?.id).toBe(1);
  });

  it('have a predecessor only if it is adjacent', async () => {
    const before = async (n: number): Promise<number | undefined> =>
      (await harness.call(Scheduler.getPrevRegion, { regionKey: key(n) })).region?.id;
    expect(await before(15)).toBe(1);
    expect(await before(5)).toBeUndefined();
    expect(await before(35)).toBeUndefined();
  });

  it('are found by id', async () => {
    const byId = (regionId: number) => harness.call(Scheduler.getRegionByID, { regionId });
    expect((await byId(2)).region?.startKey).toEqual(key(10));
    expect((await byId(77)).region).toBeUndefined();
  });

  it('are scanned in order, with an empty peer for a leader that is not known', async () => {
    const scan = async (start: number, end: number, limit: number): Promise<unknown> => {
      const request = { startKey: key(start), endKey: end === 0 ? new Uint8Array(0) : key(end) };
      const answer = await harness.call(Scheduler.scanRegions, { ...request, limit });
      return answer.regions.map(({ id }, i) => [id, answer.leaders[i]?.id]);
    };
    expect(await scan(5, 0, 0)).toEqual([
      [1, 11],
      [2, 21],
      [4, 0],
    ]);
    expect(await scan(5, 0, -1)).toEqual([
      [1, 11],
      [2, 21],
      [4, 0],
    ]);
    expect(await scan(5, 0, 2)).toEqual([
      [1, 11],
      [2, 21],
    ]);
    expect(await scan(25, 0, 0)).toEqual([[4, 0]]);
    expect(await scan(5, 20, 0)).toEqual([
      [1, 11],
      [2, 21],
    ]);
  });

  it('get ids for a split: one for the Region and one for each peer', async () => {
    const ask = (of: ReturnType<typeof region>) =>
      harness.call(Scheduler.askSplit, { region: regionToWire(of) });
    const answer = await ask(region(1, 0, 10, [1, 2], 5, 7));
    expect(answer.newPeerIds.length).toBe(2);
    expect(new Set([answer.newRegionId, ...answer.newPeerIds]).size).toBe(3);
    const unknown = { code: 'UNKNOWN' };
    await expect(ask(region(1, 0, 10, [1, 2], 4, 7))).rejects.toMatchObject(unknown);
    await expect(ask(region(1, 0, 10, [1, 2], 5, 6))).rejects.toMatchObject(unknown);
    await expect(ask(region(9, 22, 25, [1]))).rejects.toMatchObject(unknown);
    await expect(harness.call(Scheduler.askSplit, {})).rejects.toMatchObject(unknown);
  });

  it('are scattered in name only, whatever the header', async () => {
    const { header } = await harness.send(Scheduler.scatterRegion, { regionId: 1 });
    expect(header).toEqual({ clusterId: harness.clusterId, error: undefined });
  });

  it('have no operator until one is made', async () => {
    expect(await harness.headerError(Scheduler.getOperator, { regionId: 1 })).toEqual([
      ErrorType.REGION_NOT_FOUND,
      'Not Found',
    ]);
  });
});

describe('cluster config', () => {
  beforeEach(() => harness.bootstrap());

  it('takes a new number of replicas for its own cluster', async () => {
    const put = (id: number, maxPeerCount: number) =>
      harness.call(Scheduler.putClusterConfig, { cluster: { id, maxPeerCount } });
    await put(harness.clusterId, 5);
    const { cluster } = await harness.call(Scheduler.getClusterConfig, {});
    expect(cluster?.maxPeerCount).toBe(5);
    await expect(put(9, 5)).rejects.toMatchObject({ code: 'UNKNOWN' });
    await expect(put(harness.clusterId, 1_000)).rejects.toMatchObject({ code: 'UNKNOWN' });
  });
});
