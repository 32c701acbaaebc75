/** The two streams of the scheduler and the admin service, through encoded bytes. */
import { regionToWire, reportToWire, schedulerpb, tinykvadmin } from '@tinykv/proto';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Command } from '../src/command.js';
import { Harness } from './support/harness.js';
import { type ReportChange, region, report, voter } from './support/world.js';

const { Scheduler, ErrorType, OperatorStatus } = schedulerpb;
const { Admin } = tinykvadmin;
let harness: Harness;

beforeEach(async () => {
  harness = new Harness();
  await harness.start();
});

type Heartbeats = ReturnType<Harness['heartbeatStream']>;

/** Reports and lets the scheduler answer. */
async function beat(
  stream: Heartbeats,
  of: ReturnType<typeof region>,
  change: ReportChange = {},
): Promise<schedulerpb.RegionHeartbeatResponse[]> {
  const before = stream.received.length;
  stream.send(reportToWire(report(of, change)));
  await harness.clock.settle();
  return stream.received.slice(before);
}

describe('Tso', () => {
  it('answers each request with its count and the last timestamp of it', async () => {
    const stream = harness.tsoStream();
    for (const count of [1, 10, 3]) stream.send({ count });
    await harness.clock.settle();
    const [a, b, c] = stream.received;
    expect([a, b, c].map((answer) => answer?.count)).toEqual([1, 10, 3]);
    expect(b!.timestamp!.logical - a!.timestamp!.logical).toBe(10);
    expect(c!.timestamp!.logical - b!.timestamp!.logical).toBe(3);
    expect(a!.timestamp!.physical).toBe(c!.timestamp!.physical);
    expect(a!.header?.clusterId).toBe(harness.clusterId);
    stream.end();
    await harness.clock.settle();
    expect(stream.closed).toBe('clean');
  });

  it.each([
    ['a wrong cluster', { header: { clusterId: 5 }, count: 1 }, /^FAILED_PRECONDITION: mismatch/],
    ['no count', { count: 0 }, /^UNKNOWN: tso count should be positive/],
    ['a count beyond all bounds', { count: 1_000_000 }, /^UNKNOWN: tso count/],
  ])('ends for %s', async (_case, request, expected) => {
    const stream = harness.tsoStream();
    stream.send(request);
    await harness.clock.settle();
    expect(stream.closed).toMatch(expected);
    expect(stream.received).toEqual([]);
  });

  it('ends when the lease is lost', async () => {
    const stream = harness.tsoStream();
    harness.group.lease = false;
    stream.send({ count: 1 });
    await harness.clock.settle();
    expect(stream.closed).toBe('UNAVAILABLE: lease expired');
  });
});

describe('RegionHeartbeat', () => {
  it('is answered once and ended before the bootstrap', async () => {
    const stream = harness.heartbeatStream();
    const [answer] = await beat(stream, region(1, 0, 0, [1]));
    expect(answer?.header?.error?.type).toBe(ErrorType.NOT_BOOTSTRAPPED);
    expect(stream.closed).toBe('clean');
  });

  it('ends for a store that nobody knows and for a wrong cluster', async () => {
    await harness.bootstrap();
    const stranger = harness.heartbeatStream();
    await beat(stranger, region(1, 0, 0, [9]));
    expect(stranger.closed).toBe('UNKNOWN: invalid store ID 9, not found');
    const foreign = harness.heartbeatStream();
    foreign.send({ header: { clusterId: 3 } });
    await harness.clock.settle();
    expect(foreign.closed).toMatch(/^FAILED_PRECONDITION: mismatch cluster id/);
  });

  it('has no answer of its own, except an error for what is stale or nameless', async () => {
    await harness.bootstrap();
    const stream = harness.heartbeatStream();
    expect(await beat(stream, region(1, 0, 0, [1], 2))).toEqual([]);
    stream.send({ region: regionToWire(region(1, 0, 0, [1], 3)) });
    await harness.clock.settle();
    expect(stream.received).toEqual([]);
    const stale = await beat(stream, region(1, 0, 0, [1], 1));
    expect(stale[0]?.header?.error?.type).toBe(ErrorType.UNKNOWN);
    const nameless = await beat(stream, region(0, 0, 0, [1], 9));
    expect(nameless[0]?.header?.error?.message).toBe('invalid request region');
    expect(stream.closed).toBeUndefined();
  });

  it('refuses a report that says nonsense of its Region, and goes on with the others', async () => {
    await harness.bootstrap();
    const stream = harness.heartbeatStream();
    const nonsense = reportToWire(report(region(1, 9, 3, [1])));
    stream.send(nonsense);
    await harness.clock.settle();
    expect(stream.received.map(({ header }) => header?.error?.type)).toEqual([ErrorType.UNKNOWN]);
    await beat(stream, region(2, 0, 0, [1]));
    expect(stream.closed).toBeUndefined();
    expect(harness.member.status().regions).toBe(1);
  });

  it('is kept alive by an empty answer a minute', async () => {
    await harness.bootstrap();
    const stream = harness.heartbeatStream();
    await beat(stream, region(1, 0, 0, [1]));
    await harness.clock.run(61_000);
    const clusterId = harness.clusterId;
    const empty = schedulerpb.RegionHeartbeatResponse.create({ header: { clusterId } });
    expect(stream.received).toEqual([empty]);
  });

  it('lets timestamps pass a flood of reports', async () => {
    await harness.bootstrap();
    const heartbeats = harness.heartbeatStream();
    const tso = harness.tsoStream();
    for (let i = 0; i < 2_000; i++) {
      const of = region(i + 1, i, i + 1, [1]);
      heartbeats.send(reportToWire(report(of)));
    }
    tso.send({ count: 1 });
    let known = -1;
    const watch = (): void => {
      if (tso.received.length > 0) known = harness.member.status().regions;
      else harness.clock.defer(watch);
    };
    harness.clock.defer(watch);
    await harness.clock.settle();
    expect(known).toBeLessThan(1_024);
    expect(harness.member.status().regions).toBe(2_000);
  });
});

describe('operators on the wire', () => {
  let stream: Heartbeats;
  const of = region(1, 0, 0, [1, 2, 3]);

  beforeEach(async () => {
    await harness.bootstrap();
    for (const id of [2, 3, 4]) {
      await harness.call(Scheduler.putStore, { store: { id, address: `store:${id}` } });
    }
    stream = harness.heartbeatStream();
    await beat(stream, of);
  });

  const add = async (kind: string, storeId: number, regionId = 1): Promise<string> =>
    (await harness.send(Admin.addOperator, { regionId, kind, storeId })).error;
  const operator = async (): Promise<schedulerpb.GetOperatorResponse> =>
    harness.call(Scheduler.getOperator, { regionId: 1 });

  it('go out at once and again with every report, until one shows that they are done', async () => {
    expect(await add('transfer-leader', 2)).toBe('');
    const want = { regionId: 1, transferLeader: { peer: voter(12, 2) }, targetPeer: voter(11, 1) };
    expect(stream.received.at(-1)).toMatchObject(want);
    expect((await beat(stream, of))[0]).toMatchObject({
      ...want,
      regionEpoch: { confVer: 1, version: 1 },
    });
    const text = new TextDecoder();
    expect((await operator()).status).toBe(OperatorStatus.RUNNING);
    expect(text.decode((await operator()).desc)).toBe('admin-transfer-leader');
    expect(text.decode((await operator()).kind)).toBe('leader,admin');
    expect(await beat(stream, of, { leader: voter(12, 2), term: 7 })).toEqual([]);
    expect((await operator()).status).toBe(OperatorStatus.SUCCESS);
    await harness.clock.run(700_000);
    expect((await operator()).header?.error?.type).toBe(ErrorType.REGION_NOT_FOUND);
  });

  it('are listed with their steps, cancelled by hand, and remembered with the reason of their end', async () => {
    await add('transfer-leader', 2);
    const list = async () => (await harness.send(Admin.getOperators, {})).operators;
    const steps = ['transfer leader from store 1 to store 2'];
    const desc = 'admin-transfer-leader';
    expect(await list()).toMatchObject([{ regionId: 1, desc, status: 'running', steps, done: 0 }]);
    const cancel = async (): Promise<string> =>
      (await harness.send(Admin.cancelOperator, { regionId: 1 })).error;
    expect(await cancel()).toBe('');
    expect(await cancel()).toBe('no operator runs on region 1');
    await harness.clock.run(1_000);
    expect(await list()).toMatchObject([
      { regionId: 1, status: 'cancel', reason: 'it was cancelled by hand', endedMs: 1_000 },
    ]);
  });

  it('time out after ten seconds for a leader, though no report ever comes', async () => {
    await add('transfer-leader', 2);
    await harness.clock.run(9_900);
    expect((await operator()).status).toBe(OperatorStatus.RUNNING);
    await harness.clock.run(2_000);
    expect((await operator()).status).toBe(OperatorStatus.TIMEOUT);
  });

  it('add a peer as a learner, wait until it has its snapshot, then give it its vote', async () => {
    expect(await add('add-peer', 4)).toBe('');
    const { changePeer } = stream.received.at(-1)!;
    const peer = changePeer!.peer!;
    expect([peer.storeId, peer.learner, changePeer!.changeType]).toEqual([4, true, 0]);
    const withLearner = { ...of, peers: [...of.peers, peer], epoch: { version: 1, confVer: 2 } };
    expect(await beat(stream, withLearner, { pendingPeers: [peer] })).toEqual([]);
    const [promote] = await beat(stream, withLearner);
    expect(promote?.changePeer).toEqual({ peer: { ...peer, learner: false }, changeType: 0 });
    const voting = { ...peer, learner: false };
    const done = { ...of, peers: [...of.peers, voting], epoch: { version: 1, confVer: 3 } };
    expect(await beat(stream, done)).toEqual([]);
    expect((await operator()).status).toBe(OperatorStatus.SUCCESS);
  });

  it('are refused with a reason', async () => {
    expect(await add('transfer-leader', 4)).toContain('no peer on store 4');
    expect(await add('add-peer', 2)).toContain('has a peer on store 2');
    expect(await add('add-peer', 99)).toContain('store 99 is not up');
    expect(await add('remove-peer', 4)).toContain('no peer on store 4');
    expect(await add('dance', 2)).toContain('unknown operator dance');
    expect(await add('transfer-leader', 2, 8)).toContain('region 8 not found');
    expect(await add('transfer-leader', 2)).toBe('');
    expect(await add('transfer-leader', 3)).toBe('operator-exists');
  });

  it('never take a peer that the quorum needs', async () => {
    await beat(stream, of, { downPeers: [voter(12, 2)] });
    expect(await add('remove-peer', 3)).toBe('the quorum needs this peer');
    expect(await add('remove-peer', 2)).toBe('');
    expect(stream.received.at(-1)?.changePeer).toMatchObject({ changeType: 1, peer: { id: 12 } });
  });

  it('split a Region', async () => {
    expect(await add('split', 0)).toBe('');
    expect(stream.received.at(-1)?.splitRegion).toEqual({ keys: [] });
    await beat(stream, region(1, 0, 5, [1, 2, 3], 2));
    expect((await operator()).status).toBe(OperatorStatus.SUCCESS);
  });

  it('are not sent by a member that has lost its lease', async () => {
    expect(await add('transfer-leader', 2)).toBe('');
    const before = stream.received.length;
    harness.group.lease = false;
    await beat(stream, of);
    expect(stream.received.length).toBe(before);
    expect(stream.closed).toBe('UNAVAILABLE: not leader');
    await expect(add('transfer-leader', 3)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('follow a store to the stream that it last used', async () => {
    const later = harness.heartbeatStream();
    await beat(later, of);
    stream.end();
    await harness.clock.settle();
    await add('transfer-leader', 2);
    expect(later.received.length).toBe(1);
  });
});

describe('the admin service', () => {
  it('lists Regions in key order and stores with their counts', async () => {
    await harness.bootstrap();
    const stream = harness.heartbeatStream();
    const right = region(2, 10, 0, [1]);
    await beat(stream, right, { approximateBytes: 7_000_000, approximateKeys: 5 });
    await beat(stream, region(1, 0, 10, [1]), { pendingPeers: [voter(11, 1)] });
    const { regions } = await harness.send(Admin.getRegions, {});
    expect(regions.map((info) => info.region?.id)).toEqual([1, 2]);
    expect(regions[0]?.pendingPeers).toEqual([voter(11, 1)]);
    expect(regions[1]).toMatchObject({ approximateSize: 7_000_000, leader: voter(21, 1) });
    const status = await harness.send(Admin.getClusterStatus, {});
    expect(status).toMatchObject({ clusterId: harness.clusterId, bootstrapped: true, api: 'txn' });
    const counts = { regionCount: 2, leaderCount: 2, regionSize: 8_048_576 };
    expect(status.stores).toMatchObject([{ store: { id: 1 }, ...counts }]);
  });

  it('shows a silent store as PD does: disconnected, then down', async () => {
    await harness.bootstrap();
    await harness.call(schedulerpb.Scheduler.storeHeartbeat, { stats: { storeId: 1 } });
    const shown = async (): Promise<string | undefined> =>
      (await harness.send(Admin.getClusterStatus, {})).stores[0]?.condition;
    expect(await shown()).toBe('up');
    await harness.clock.run(21_000);
    expect(await shown()).toBe('disconnected');
    await harness.clock.run(1_800_000);
    expect(await shown()).toBe('down');
    await harness.send(Admin.setStoreState, { storeId: 1, state: 1 });
    expect(await shown()).toBe('offline');
  });

  it('sets stores offline and up, and nothing else', async () => {
    await harness.bootstrap();
    const set = async (storeId: number, state: number): Promise<string> =>
      (await harness.send(Admin.setStoreState, { storeId, state })).error;
    expect([await set(1, 1), await set(1, 0)]).toEqual(['', '']);
    expect(await set(1, 2)).toContain('by itself');
    expect(await set(9, 1)).toBe('store 9: store not found');
    await expect(set(1, 17)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('brings no tombstone back, and says which store has its address', async () => {
    await harness.bootstrap();
    const up = (): Promise<string> =>
      harness.send(Admin.setStoreState, { storeId: 1, state: 0 }).then(({ error }) => error);
    const shown = (): Promise<string | undefined> =>
      harness.send(Admin.getClusterStatus, {}).then(({ stores }) => stores[0]?.condition);
    await harness.send(Admin.setStoreState, { storeId: 1, state: 1 });
    expect([await up(), await shown()]).toEqual(['', 'up']);

    await harness.send(Admin.setStoreState, { storeId: 1, state: 1 });
    const propose = (command: Command): Promise<unknown> =>
      harness.clock.runUntil(harness.group.propose(command));
    await propose({ type: 'set-store-state', storeId: 1, state: 'tombstone' });
    expect(await up()).toMatch(
      /^store 1 is a tombstone: .*empty data folder can take its address$/,
    );
    const { address } = harness.group.state.stores.get(1)!;
    expect(await propose({ type: 'put-store', store: { id: 2, address, state: 'up' } })).toBe(
      'done',
    );
    expect(await up()).toContain(`; its address ${address} is that of store 2 now`);
  });
});
