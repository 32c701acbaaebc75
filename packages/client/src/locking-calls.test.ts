import { physicalMs, utf8 } from '@tinykv/base';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeCluster, SCHEDULER } from '../tests/fake-cluster.js';
import { Client } from './client.js';
import { LockWaitTimeoutError } from './errors.js';
import type { Txn } from './txn.js';
import type { TxnOptions } from './txn-options.js';

const [a, b, c, x] = [utf8('a'), utf8('b'), utf8('c'), utf8('x')];

let cluster: FakeCluster;
let client: Client;

const run = <T>(promise: Promise<T>): Promise<T> => cluster.env.clock.runUntil(promise, 60_000);
const begin = (options: TxnOptions = {}): Promise<Txn> =>
  run(client.txn.begin({ pessimistic: true, ...options }));

beforeEach(async () => {
  cluster = await FakeCluster.start();
  cluster.split(utf8('m'), 2);
  client = await run(Client.connect(cluster.env, { scheduler: SCHEDULER }));
});

describe('tryLockKeys', () => {
  it('locks what nobody else has locked, and waits for nothing', async () => {
    const other = await begin();
    await run(other.lockKeys(a, x));
    const from = cluster.env.clock.mono();
    const txn = await begin();
    expect(await run(txn.tryLockKeys([a, b, c, x]))).toEqual([b, c]);
    expect(cluster.env.clock.mono()).toBe(from);
    for (const key of [b, c]) expect(cluster.data.at(key).lock?.startTs).toBe(txn.startTs);
    txn.put(b, b);
    await run(txn.commit());
    expect(cluster.data.at(b).writes).toHaveLength(1);
    expect(cluster.data.at(a).lock?.startTs).toBe(other.startTs);
    // A key that was skipped may be had later.
    other.rollback();
    await run(other.settled);
    const later = await begin();
    expect(await run(later.tryLockKeys([a, x]))).toEqual([a, x]);
  });

  it('is for pessimistic transactions', async () => {
    const txn = await begin({ pessimistic: false });
    await expect(run(txn.tryLockKeys([a]))).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
  });
});

describe('calls that lock', () => {
  it('take several keys and read them under their locks', async () => {
    await run(client.txn(async (t) => t.put(x, utf8('1'))));
    const txn = await begin();
    await run(client.txn(async (t) => t.put(x, utf8('2'))));
    expect(await run(txn.batchGetForUpdate([x, a]))).toEqual([utf8('2'), undefined]);
    for (const key of [x, a]) expect(cluster.data.at(key).lock?.startTs).toBe(txn.startTs);
  });

  it('wait as long as they are told, and not as the transaction is', async () => {
    const other = await begin();
    await run(other.lockKeys(a));
    const txn = await begin({ lockWaitMs: 5_000 });
    const from = cluster.env.clock.mono();
    const calls: (() => Promise<unknown>)[] = [
      () => txn.getForUpdate(a, { lockWaitMs: 0 }),
      () => txn.batchGetForUpdate([a, b], { lockWaitMs: 0 }),
    ];
    for (const call of calls) {
      await expect(run(call())).rejects.toThrow(LockWaitTimeoutError);
    }
    expect(cluster.env.clock.mono()).toBe(from);
    await expect(run(txn.getForUpdate(a))).rejects.toThrow(LockWaitTimeoutError);
    expect(cluster.env.clock.mono() - from).toBeGreaterThanOrEqual(4_000);
  });
});

describe('the locks of a client that has died', () => {
  it('stay for lockTtlMs, 10 s by default', async () => {
    for (const [options, ttlMs] of [
      [{}, 10_000],
      [{ lockTtlMs: 2_000 }, 2_000],
    ] as const) {
      const txn = await begin(options);
      await run(txn.lockKeys(a));
      const { lock } = cluster.data.at(a);
      expect(physicalMs(lock!.startTs) + lock!.ttlMs).toBe(physicalMs(txn.startTs) + ttlMs);
      // It lives: a beat keeps its lock for as long again.
      await cluster.env.clock.run(5_000);
      expect(cluster.data.at(a).lock!.ttlMs).toBeGreaterThan(5_000);
      txn.rollback();
      await run(txn.settled);
    }
  });

  it('never for a time without sense', async () => {
    for (const lockTtlMs of [0, 999, 600_001, Number.NaN]) {
      const call = client.txn.begin({ lockTtlMs });
      await expect(run(call)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
  });
});
