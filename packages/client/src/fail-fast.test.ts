import { utf8 } from '@tinykv/base';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeCluster, SCHEDULER } from '../tests/fake-cluster.js';
import { Client } from './client.js';
import { RegionUnavailableError } from './errors.js';

let cluster: FakeCluster;
let client: Client;

const run = <T>(promise: Promise<T>, maxMs?: number): Promise<T> =>
  cluster.env.clock.runUntil(promise, maxMs);
const read = (key = 'k'): Promise<unknown> => client.txn.snapshotGet(utf8(key));
/** How long the read of a key took to fail, and how. */
const failure = async (reading = read()): Promise<{ ms: number; error: Error }> => {
  const begun = cluster.env.clock.mono();
  const error = await run(
    reading.then(
      () => new Error('served'),
      (reason: Error) => reason,
    ),
  );
  return { ms: cluster.env.clock.mono() - begun, error };
};

beforeEach(async () => {
  cluster = await FakeCluster.start();
  client = await run(Client.connect(cluster.env, { scheduler: SCHEDULER, failFast: true }));
  await run(read());
  await cluster.env.clock.run(100);
});

describe('a Region that is away', () => {
  it('fails operations at once, named, when all its stores refuse for 2 s, and serves again', async () => {
    for (const id of [1, 2, 3]) await cluster.stopStore(id);
    const first = await failure();
    expect(first.error).toBeInstanceOf(RegionUnavailableError);
    expect(first.ms).toBeGreaterThanOrEqual(2_000);
    expect(first.ms).toBeLessThan(3_000);
    const next = await failure();
    expect(next.ms).toBeLessThan(50);
    expect(next.error.message).toMatch(/region 1 .*store\d:20160/);
    for (const id of [1, 2, 3]) await cluster.startStore(id, `store${id}:20160`);
    await run(read());
  });

  it('fails operations soon when all its stores are silent', async () => {
    cluster.script = () => ({ type: 'hang' });
    expect((await failure()).ms).toBeLessThan(5_500);
    expect((await failure()).ms).toBeLessThan(500);
    cluster.script = () => undefined;
    await run(read());
  });

  it('is waited for while another voter may lead', async () => {
    await cluster.stopStore(1);
    const reading = read();
    await cluster.env.clock.run(3_000);
    cluster.transferLeader(1, 2);
    await run(reading);
    expect(cluster.calls.at(-1)!.storeId).toBe(2);
  });

  it('is tried afresh when nobody has tried for long', async () => {
    for (const id of [1, 2, 3]) await cluster.stopStore(id);
    expect((await failure()).error).toBeInstanceOf(RegionUnavailableError);
    await cluster.env.clock.run(60_000);
    const reading = read();
    await cluster.env.clock.run(500);
    for (const id of [1, 2, 3]) await cluster.startStore(id, `store${id}:20160`);
    await run(reading);
  });
});

describe('with the scheduler away', () => {
  it('a leader on a store that was never asked is found: its address is known by then', async () => {
    await cluster.stopScheduler();
    cluster.transferLeader(1, 3);
    await cluster.stopStore(1);
    await run(read());
    expect(cluster.calls.at(-1)!.storeId).toBe(3);
  });

  it('a Region that is not known fails at once and names the scheduler', async () => {
    cluster.split(utf8('m'));
    const other = await run(Client.connect(cluster.env, { scheduler: SCHEDULER, failFast: true }));
    await run(other.txn.snapshotGet(utf8('a')));
    await cluster.stopScheduler();
    await failure(other.txn.timestamp());
    const { ms, error } = await failure(other.txn.snapshotGet(utf8('z')));
    expect(ms).toBeLessThan(1_500);
    expect(error.message).toMatch(/the scheduler .* is away/);
  });
});
