import { KvError, limits, type Timestamp } from '@tinykv/base';
import type { RegionOperator } from '@tinykv/model';
import { metapb, regionToWire, schedulerpb, tinykvadmin } from '@tinykv/proto';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeMembers, header, reportOf, unary } from '../tests/fake-members.js';
import { SchedulerError } from './errors.js';
import { SchedulerClient } from './scheduler-client.js';

const rpc = schedulerpb.Scheduler;

let members: FakeMembers;
const run = <T>(promise: Promise<T>, maxMs?: number): Promise<T> =>
  members.env.clock.runUntil(promise, maxMs);
const connect = (...endpoints: string[]): Promise<SchedulerClient> =>
  run(SchedulerClient.connect(members.env, endpoints));

beforeEach(async () => {
  members = new FakeMembers();
  await members.start('a:1');
  await members.start('b:1');
});

describe('connecting', () => {
  it('finds the leader through any member, with or without scheme', async () => {
    const client = await connect('nowhere:1', 'http://b:1/');
    expect(client.clusterId).toBe(7);
    expect(client.leader).toBe('a:1');
  });

  it('fails when nobody answers, after its retries', async () => {
    const before = members.env.clock.mono();
    const failing = SchedulerClient.connect(members.env, ['nowhere:1'], { retries: 3 });
    await expect(run(failing)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(members.env.clock.mono()).toBeGreaterThan(before);
  });

  it('waits for a leader to be elected', async () => {
    members.leaderKnown = false;
    const connecting = SchedulerClient.connect(members.env, ['a:1'], { retries: 10 });
    await members.env.clock.run(500);
    members.leaderKnown = true;
    expect((await run(connecting)).leader).toBe('a:1');
  });
});

describe('calls', () => {
  it('follow the leader', async () => {
    const client = await connect('a:1');
    members.leader = 'b:1';
    expect(await run(client.allocId())).toBe(100);
    expect(members.calls).toEqual(['a:1', 'b:1']);
    await members.stop('b:1');
    members.leader = 'a:1';
    expect(await run(client.allocId())).toBe(100);
  });

  it('that must not be repeated are not', async () => {
    let bootstraps = 0;
    members.more = [
      unary(rpc.bootstrap, () => {
        bootstraps++;
        throw new KvError('UNAVAILABLE', 'test');
      }),
    ];
    await members.stop('a:1');
    await members.start('a:1');
    const client = await connect('a:1');
    const region = {
      id: 1,
      range: { start: new Uint8Array(0), end: new Uint8Array(0) },
      epoch: { confVer: 1, version: 1 },
      peers: [],
    };
    const store = { id: 1, address: 's:1', state: 'up' } as const;
    const attempt = client.bootstrap(store, region, 'txn');
    await expect(run(attempt)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(bootstraps).toBe(1);
  });

  it('turn errors of the header into SchedulerError, and bootstrapped into false', async () => {
    const refused = (type: number): schedulerpb.ResponseHeaderInit => ({
      clusterId: 7,
      error: { type, message: 'no' },
    });
    members.more = [
      unary(rpc.putStore, () => ({ header: refused(schedulerpb.ErrorType.STORE_TOMBSTONE) })),
      unary(rpc.bootstrap, () => ({
        header: refused(schedulerpb.ErrorType.ALREADY_BOOTSTRAPPED),
      })),
      unary(rpc.allocID, () => ({ header: { clusterId: 8 } })),
    ];
    await members.stop('a:1');
    await members.start('a:1');
    const client = await connect('a:1');
    const store = { id: 1, address: 's:1', state: 'up' } as const;
    await expect(run(client.putStore(store))).rejects.toThrow(SchedulerError);
    const region = { ...reportOf(1).region };
    expect(await run(client.bootstrap(store, region, 'txn'))).toBe(false);
    await expect(run(client.allocId())).rejects.toThrow('mismatch cluster id');
  });
});

describe('timestamps', () => {
  it('of a turn come with one request, each asker gets its own, in order', async () => {
    const client = await connect('a:1');
    const asked = [1, 3, 1].map((count) => client.tso(count));
    const base = (await run(Promise.all(asked))).map((ts) => Number(ts - (1n << 30n)));
    expect(base).toEqual([1, 4, 5]);
    expect(members.tso).toEqual(['a:1 5']);
    await run(client.tso(1));
    expect(members.tso).toEqual(['a:1 5', 'a:1 1']);
  });

  it('are never fetched ahead: one that is asked for later is requested later', async () => {
    const client = await connect('a:1');
    const first = client.tso(1);
    await members.env.clock.settle();
    const before = members.tso.length;
    const second = client.tso(1);
    expect(members.tso.length).toBe(before);
    const [a, b] = [await run(first), await run(second)];
    expect(b > a).toBe(true);
    expect(members.tso.length).toBe(before + 1);
  });

  it('pile up behind a slow scheduler into few requests, within its limit', async () => {
    const client = await connect('a:1');
    members.servesTso = false;
    for (let turn = 0; turn < 3 * limits.tsoInflightMax; turn++) {
      void client.tso(2).catch(() => {});
      await members.env.clock.settle();
    }
    expect(members.tso).toHaveLength(limits.tsoInflightMax);
    client.close();
  });

  it('survive a lost stream and a new leader: asked again, never twice the same', async () => {
    const client = await connect('a:1', 'b:1');
    const seen: Timestamp[] = [await run(client.tso(1))];
    members.servesTso = false;
    const waiting = client.tso(1);
    await members.env.clock.settle();
    await members.stop('a:1');
    members.leader = 'b:1';
    members.servesTso = true;
    seen.push(await run(waiting), await run(client.tso(1)));
    expect(seen).toEqual([...new Set(seen)].sort((a, b) => (a < b ? -1 : 1)));
    expect(members.tso.at(-1)).toBe('b:1 1');
  });

  it('are given up when no scheduler answers for long', async () => {
    const client = await connect('a:1');
    await members.stop('a:1');
    await members.stop('b:1');
    await expect(run(client.tso(1))).rejects.toThrow(KvError);
    await expect(run(client.tso(0))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    const waiting = client.tso(1);
    client.close();
    await expect(run(waiting)).rejects.toMatchObject({ code: 'CANCELLED' });
  });

  it('a silent stream is given up for a new one', async () => {
    const client = await connect('a:1');
    members.servesTso = false;
    const waiting = client.tso(1);
    await members.env.clock.run(1_000);
    members.servesTso = true;
    await run(waiting);
    expect(members.tso).toEqual(['a:1 1', 'a:1 1']);
  });
});

describe('timestamps for those who do not wait', () => {
  const connectFast = (): Promise<SchedulerClient> =>
    run(SchedulerClient.connect(members.env, ['a:1', 'b:1'], { failFast: true }));
  const refusal = { code: 'UNAVAILABLE', message: expect.stringMatching(/scheduler a:1 is away/) };
  const msUntil = async (promise: Promise<unknown>): Promise<number> => {
    const begun = members.env.clock.mono();
    await expect(run(promise)).rejects.toMatchObject(refusal);
    return members.env.clock.mono() - begun;
  };

  it('fail at once when all members refuse, and come again when one is back', async () => {
    const client = await connectFast();
    await run(client.tso(1));
    await members.stop('a:1');
    await members.stop('b:1');
    expect(await msUntil(client.tso(1))).toBeLessThan(50);
    expect(client.away).toMatchObject(refusal);
    await members.env.clock.run(30_000);
    expect(await msUntil(client.tso(1))).toBe(0);
    await members.start('a:1');
    await members.env.clock.run(1_500);
    expect(client.away).toBeUndefined();
    await run(client.tso(1));
    client.close();
  });

  it('fail after 2 s without an answer, then at once', async () => {
    const client = await connectFast();
    await run(client.tso(1));
    members.servesTso = false;
    const both = [client.tso(1), client.tso(1)];
    for (const each of both) each.catch(() => undefined);
    expect(await msUntil(both[1]!)).toBe(2_000);
    expect(await msUntil(client.tso(1))).toBe(0);
    members.servesTso = true;
    await members.env.clock.run(4_000);
    await run(client.tso(1));
    client.close();
  });

  it('wait while a leader is elected', async () => {
    const client = await connectFast();
    const before = await run(client.tso(1));
    await members.stop('a:1');
    members.leaderKnown = false;
    const waiting = client.tso(1);
    await members.env.clock.run(1_000);
    members.leaderKnown = true;
    members.leader = 'b:1';
    expect(await run(waiting)).toBeGreaterThan(before);
    client.close();
  });
});

describe('region heartbeats', () => {
  it('send the newest report of each Region, and bring operators', async () => {
    const client = await connect('a:1');
    const operators: RegionOperator[] = [];
    client.onOperator((operator) => operators.push(operator));
    client.regionHeartbeat(reportOf(1, 1));
    client.regionHeartbeat(reportOf(2));
    client.regionHeartbeat(reportOf(1, 2));
    await members.env.clock.settle();
    expect(members.beats.map((beat) => [beat.region?.id, beat.term])).toEqual([
      [1, 2],
      [2, 1],
    ]);
    const peer = { id: 5, storeId: 2 };
    const response = { header, regionId: 1, transferLeader: { peer } };
    members.streams[0]!.send(schedulerpb.RegionHeartbeatResponse.encode({ header }));
    members.streams[0]!.send(schedulerpb.RegionHeartbeatResponse.encode(response));
    await members.env.clock.settle();
    expect(operators).toMatchObject([{ type: 'transfer-leader', regionId: 1, peer }]);
  });

  it('go on over a new stream when the old one is lost', async () => {
    const client = await connect('a:1');
    client.regionHeartbeat(reportOf(1));
    await members.env.clock.settle();
    members.leader = 'b:1';
    members.streams[0]!.destroy();
    await members.env.clock.settle();
    client.regionHeartbeat(reportOf(2));
    client.regionHeartbeat(reportOf(3));
    await members.env.clock.run(200);
    expect(members.streams).toHaveLength(2);
    expect(members.beats.map((beat) => beat.region?.id)).toEqual([1, 2, 3]);
  });

  it('outlive the refusal of one report, which is logged at most once a second', async () => {
    const client = await connect('a:1');
    const operators: RegionOperator[] = [];
    client.onOperator((operator) => operators.push(operator));
    client.regionHeartbeat(reportOf(1));
    await members.env.clock.settle();
    const error = { type: schedulerpb.ErrorType.UNKNOWN, message: 'region is stale' };
    const refusal = schedulerpb.RegionHeartbeatResponse.encode({ header: { ...header, error } });
    const refuse = (): boolean => members.streams[0]!.send(refusal);
    for (let i = 0; i < 3; i++) refuse();
    await members.env.clock.run(1_000);
    refuse();
    const transferLeader = { peer: { id: 5, storeId: 2 } };
    const order = { header, regionId: 1, transferLeader };
    members.streams[0]!.send(schedulerpb.RegionHeartbeatResponse.encode(order));
    await members.env.clock.settle();
    expect(members.streams).toHaveLength(1);
    expect(operators).toHaveLength(1);
    const lines = members.env.logger.lines.filter(({ level }) => level === 'warn');
    expect(lines.map(({ message, fields }) => [message, fields['reason'], fields['more']])).toEqual(
      [
        ['region heartbeat refused', 'region is stale', 0],
        ['region heartbeat refused', 'region is stale', 2],
      ],
    );
  });

  it('write one line while the scheduler is away, not one for each try, and one when it is back', async () => {
    const client = await connect('a:1');
    client.regionHeartbeat(reportOf(1));
    await members.env.clock.run(100);
    await members.stop('a:1');
    await members.stop('b:1');
    for (const stream of members.streams) stream.destroy();
    await members.env.clock.run(30_000);
    await members.start('a:1');
    await members.env.clock.run(5_000);
    const lines = members.env.logger.lines.filter((line) =>
      /no scheduler member/.test(line.message),
    );
    expect(lines.map(({ message }) => message)).toEqual([
      'no scheduler member answers',
      'no scheduler member answers: over',
    ]);
    expect(lines[1]?.fields['failures']).toBeGreaterThan(10);
  });

  it('end for an answer of another cluster', async () => {
    const client = await connect('a:1');
    client.regionHeartbeat(reportOf(1));
    await members.env.clock.settle();
    const foreign = { header: { clusterId: 8 } };
    members.streams[0]!.send(schedulerpb.RegionHeartbeatResponse.encode(foreign));
    await members.env.clock.settle();
    client.regionHeartbeat(reportOf(2));
    await members.env.clock.run(200);
    expect(members.streams).toHaveLength(2);
  });

  it('ask for all reports anew when a stream was lost and somebody leads again', async () => {
    const client = await connect('a:1');
    let asked = 0;
    client.onReportsLost(() => {
      asked++;
      for (let id = 1; id <= 3; id++) client.regionHeartbeat(reportOf(id));
    });
    client.regionHeartbeat(reportOf(1));
    await members.env.clock.settle();
    members.leaderKnown = false;
    members.streams[0]!.destroy();
    await members.env.clock.run(5_000);
    expect([asked, members.beats.length]).toEqual([0, 1]);
    members.leaderKnown = true;
    await members.env.clock.run(2_000);
    expect(asked).toBe(1);
    expect(members.beats.map((beat) => beat.region?.id)).toEqual([1, 1, 2, 3]);
  });

  it('drop what does not fit the queue, and count it', async () => {
    const client = await connect('a:1');
    for (let id = 1; id <= limits.regionHeartbeatQueueMax + 5; id++) {
      client.regionHeartbeat(reportOf(id));
    }
    const { metrics } = members.env;
    expect(metrics.value('tinykv_client_region_heartbeats_dropped_total')).toBe(5);
  });
});

describe('admin', () => {
  it('lists Regions and stores, and says why something was refused', async () => {
    const { region, leader } = reportOf(3);
    members.more = [
      unary(tinykvadmin.Admin.getRegions, () => ({
        regions: [{ region: regionToWire(region), leader, approximateSize: 5 }],
      })),
      unary(tinykvadmin.Admin.getClusterStatus, () => ({
        clusterId: 7,
        bootstrapped: true,
        stores: [
          { store: { id: 1, address: 's:1', state: metapb.StoreState.Offline }, leaderCount: 2 },
        ],
      })),
      unary(tinykvadmin.Admin.setStoreState, ({ storeId }) => ({
        error: storeId === 1 ? '' : 'no such store',
      })),
      unary(tinykvadmin.Admin.addOperator, ({ kind, storeId }) => ({
        error: `${kind} ${storeId}`,
      })),
    ];
    await members.stop('a:1');
    await members.start('a:1');
    const { admin } = await connect('a:1');
    expect(await run(admin.regions())).toEqual([
      { region, leader, approximateBytes: 5, approximateKeys: 0, pendingPeers: [] },
    ]);
    expect(await run(admin.clusterStatus())).toMatchObject({
      clusterId: 7,
      api: 'txn',
      stores: [{ store: { id: 1, state: 'offline' }, stats: undefined, leaderCount: 2 }],
    });
    await run(admin.setStoreState(1, 'offline'));
    await expect(run(admin.setStoreState(2, 'offline'))).rejects.toThrow('no such store');
    const operator = { kind: 'add-peer', regionId: 1, storeId: 4 } as const;
    await expect(run(admin.addOperator(operator))).rejects.toThrow('add-peer 4');
  });
});
