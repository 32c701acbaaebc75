import { fromUtf8, utf8 } from '@tinykv/base';
import { locationKey, type RegionError } from '@tinykv/model';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeCluster, SCHEDULER } from '../tests/fake-cluster.js';
import { Client } from './client.js';
import { EntryTooLargeError, RegionUnavailableError, UndeterminedError } from './errors.js';

let cluster: FakeCluster;
let client: Client;

const run = <T>(promise: Promise<T>, maxMs?: number): Promise<T> =>
  cluster.env.clock.runUntil(promise, maxMs);
const put = (key: string, value = 'v', timeoutMs = 10_000): Promise<void> =>
  run(client.raw.put(utf8(key), utf8(value), { timeoutMs }));
const get = async (key: string): Promise<string | undefined> => {
  const value = await run(client.raw.get(utf8(key)));
  return value && fromUtf8(value);
};
/** Stores that got requests, and what became of the caches: questions to the scheduler. */
const path = (): string => cluster.calls.map((call) => call.storeId).join(' ');
const questions = (method: string): number =>
  cluster.schedulerCalls.filter((name) => name === method).length;

beforeEach(async () => {
  cluster = await FakeCluster.start();
  client = await run(Client.connect(cluster.env, { scheduler: SCHEDULER }));
  await put('warm');
  cluster.calls.length = 0;
  cluster.schedulerCalls.length = 0;
});

describe('region errors', () => {
  /** Answers the first `times` requests with an error. */
  const first = (times: number, error: RegionError): void => {
    let n = 0;
    cluster.script = () => (n++ < times ? { type: 'region-error', error } : undefined);
  };

  it('not-leader with a hint: goes there, and stays there', async () => {
    cluster.transferLeader(1, 3);
    await put('k');
    await put('l');
    expect(path()).toBe('1 3 3');
    expect(questions('GetRegion')).toBe(0);
  });

  it('not-leader without a hint: tries the next peers', async () => {
    first(4, { type: 'not-leader', regionId: 1, leader: undefined });
    await put('k');
    expect(path()).toBe('1 2 3 1 2 1');
  });

  it('not-leader with a leader outside the known Region: asks the scheduler', async () => {
    const leader = { id: 99, storeId: 9, learner: false };
    first(1, { type: 'not-leader', regionId: 1, leader });
    await put('k');
    expect(path()).toBe('1 1');
    expect(questions('GetRegion')).toBe(1);
  });

  it('epoch-not-match: takes the Regions over, without asking the scheduler', async () => {
    const right = cluster.split(utf8('m'));
    await put('k');
    await put('x');
    expect(cluster.calls.map(({ context }) => context.regionId)).toEqual([1, 1, right]);
    expect(questions('GetRegion')).toBe(0);
  });

  it('epoch-not-match without Regions: asks the scheduler', async () => {
    first(1, { type: 'epoch-not-match', currentRegions: [] });
    await put('k');
    expect(questions('GetRegion')).toBe(1);
  });

  it('epoch-not-match of a store that is behind: keeps what it knows, and waits', async () => {
    const old = cluster.region(1);
    cluster.split(utf8('m'));
    await put('k');
    cluster.calls.length = 0;
    first(2, { type: 'epoch-not-match', currentRegions: [old] });
    await put('k');
    expect(cluster.calls.map(({ context }) => context.regionEpoch?.version)).toEqual([2, 2, 2, 2]);
    expect(questions('GetRegion')).toBe(0);
  });

  it('a scheduler that is behind does not undo what a store has said', async () => {
    const old = cluster.region(1);
    const right = cluster.split(utf8('m'));
    cluster.schedulerSays = () => old;
    await put('k');
    first(1, { type: 'region-not-found', regionId: right });
    cluster.calls.length = 0;
    await put('x');
    // Asked anew with the old Region, the store names the present ones again.
    expect(cluster.calls.map(({ context }) => context.regionId)).toEqual([right, 1, right]);
  });

  it('many requests that learn of a split at once all get through', async () => {
    const old = cluster.region(1);
    const right = cluster.split(utf8('m'));
    cluster.schedulerSays = () => old;
    await put('k');
    let n = 0;
    // All lose the right Region at once and get the old one from the scheduler.
    cluster.script = ({ context }) =>
      context.regionId === right && n++ < 5
        ? { type: 'region-error', error: { type: 'region-not-found', regionId: right } }
        : undefined;
    const before = cluster.env.clock.mono();
    await Promise.all(['u', 'v', 'w', 'x', 'y'].map((key) => put(key)));
    expect(cluster.env.clock.mono() - before).toBeLessThan(100);
  });

  it('region-not-found, key-not-in-region and unknown errors: ask the scheduler', async () => {
    const region = cluster.region(1);
    const errors: RegionError[] = [
      { type: 'region-not-found', regionId: 1 },
      { type: 'key-not-in-region', key: utf8('k'), region },
      { type: 'other', message: 'peer is applying a snapshot' },
    ];
    for (const error of errors) {
      cluster.schedulerCalls.length = 0;
      first(1, error);
      await put('k');
      expect(questions('GetRegion'), error.type).toBe(1);
    }
  });

  it('stale-command and server-is-busy: the same store again, after a pause', async () => {
    for (const error of [
      { type: 'stale-command' },
      { type: 'server-is-busy', reason: 'full' },
    ] as const) {
      cluster.calls.length = 0;
      const before = cluster.env.clock.mono();
      first(3, error);
      await put('k');
      expect(path()).toBe('1 1 1 1');
      expect(cluster.env.clock.mono() - before).toBeGreaterThan(1);
      expect(questions('GetRegion')).toBe(0);
    }
  });

  it('store-not-match: asks for the address again', async () => {
    first(1, { type: 'store-not-match', requestStoreId: 1, actualStoreId: 2 });
    await put('k');
    expect(questions('GetStore')).toBe(1);
  });

  it('raft-entry-too-large: is final', async () => {
    first(1, { type: 'raft-entry-too-large', regionId: 1, entryBytes: 9_000_000 });
    await expect(put('k')).rejects.toThrow(EntryTooLargeError);
    expect(path()).toBe('1');
  });

  it('are retried until the deadline and no longer, and had no effect', async () => {
    first(1_000_000, { type: 'not-leader', regionId: 1, leader: undefined });
    const before = cluster.env.clock.mono();
    await expect(put('k', 'v', 2_000)).rejects.toThrow(RegionUnavailableError);
    expect(cluster.env.clock.mono() - before).toBeLessThanOrEqual(2_000);
    // Pauses grow, so this is not a busy loop.
    expect(cluster.calls.length).toBeLessThan(60);
  });

  it('are counted by type', async () => {
    first(2, { type: 'stale-command' });
    await put('k');
    const { metrics } = cluster.env;
    expect(metrics.value('tinykv_client_region_errors_total', { type: 'stale-command' })).toBe(2);
  });
});

describe('stores', () => {
  it('that are down are left for the next peer, as the Region elects a new leader', async () => {
    await cluster.stopStore(1);
    cluster.transferLeader(1, 2);
    await put('k');
    expect(await get('k')).toBe('v');
  });

  it('that come back at the same address are found there without the scheduler', async () => {
    await cluster.stopScheduler();
    await cluster.stopStore(1);
    const write = client.raw.put(utf8('k'), utf8('v'));
    await cluster.env.clock.run(300);
    await cluster.startStore(1, 'store1:20160');
    await run(write);
    expect(cluster.calls).not.toEqual([]);
  });

  it('that are gone for good are left for the peers that the Region has now', async () => {
    await cluster.removeStore(1);
    cluster.transferLeader(1, 2);
    await put('k');
    expect(path()).toBe('2');
  });

  it('that are all down: the Region may have others by now', async () => {
    // Learned when the Region had one peer; a peer more is no reason for a store to refuse.
    const { peers, ...region } = cluster.region(1);
    cluster.schedulerSays = () => ({ ...region, peers: peers.slice(0, 1) });
    client = await run(Client.connect(cluster.env, { scheduler: SCHEDULER }));
    await put('k');
    cluster.schedulerSays = undefined;
    await cluster.stopStore(1);
    cluster.transferLeader(1, 2);
    await put('l');
    expect(cluster.calls.at(-1)?.storeId).toBe(2);
  });

  it('that come back at another address are found there', async () => {
    await cluster.stopStore(1);
    await cluster.startStore(1, 'elsewhere:20160');
    await put('k');
    expect(await get('k')).toBe('v');
  });

  it('that answer nothing do not hold up reads for long', async () => {
    cluster.script = ({ storeId }) => (storeId === 1 ? { type: 'hang' } : undefined);
    const read = run(client.raw.get(utf8('k')));
    await cluster.env.clock.run(1);
    cluster.transferLeader(1, 2);
    await read;
    expect(path()).toBe('1 2');
  });

  it('the scheduler is not needed for what is known', async () => {
    await cluster.stopScheduler();
    await put('k');
    expect(path()).toBe('1');
  });

  it('a write that waits for the scheduler is sent when it is back', async () => {
    cluster.split(utf8('m'));
    const region = cluster.region(1);
    let n = 0;
    cluster.script = () =>
      n++ === 0
        ? { type: 'region-error', error: { type: 'region-not-found', regionId: region.id } }
        : undefined;
    await cluster.stopScheduler();
    const write = client.raw.put(utf8('k'), utf8('v'), { timeoutMs: 60_000 });
    await cluster.env.clock.run(5_000);
    await cluster.startScheduler();
    await run(write);
    expect(await get('k')).toBe('v');
  });
});

describe('a decisive operation', () => {
  it('that may have been carried out stays undetermined, whatever comes after it', async () => {
    let n = 0;
    cluster.script = () =>
      n++ === 0
        ? { type: 'lose', served: true }
        : { type: 'region-error', error: { type: 'server-is-busy', reason: 'test' } };
    const write = client.raw.put(utf8('k'), utf8('v'), { retryUnknown: true, timeoutMs: 1_000 });
    await expect(run(write)).rejects.toThrow(UndeterminedError);
  });
});

describe('a raw cluster', () => {
  it('is located by the keys themselves', async () => {
    cluster = await FakeCluster.start('raw');
    client = await run(Client.connect(cluster.env, { scheduler: SCHEDULER }));
    cluster.split(utf8('m'));
    await put('a', '1');
    await put('z', '2');
    const pairs = await run(client.raw.scan(utf8('')));
    expect(pairs.map(({ key, value }) => fromUtf8(key) + fromUtf8(value))).toEqual(['a1', 'z2']);
    expect(locationKey('raw', utf8('m'))).toEqual(cluster.region(1).range.end);
  });
});
