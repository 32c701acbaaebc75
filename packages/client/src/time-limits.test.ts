import { limits, utf8 } from '@tinykv/base';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeCluster, SCHEDULER } from '../tests/fake-cluster.js';
import { Client, type ClientOptions } from './client.js';
import { UndeterminedError } from './errors.js';
import type { Txn } from './txn.js';
import type { TxnOptions } from './txn-options.js';

const TIMEOUT_MS = 300;
const [a, x] = [utf8('a'), utf8('x')];

let cluster: FakeCluster;
let client: Client;

const run = <T>(promise: Promise<T>): Promise<T> => cluster.env.clock.runUntil(promise, 60_000);
const now = (): number => cluster.env.clock.mono();

async function connect(options: Partial<ClientOptions> = {}): Promise<void> {
  client = await run(Client.connect(cluster.env, { scheduler: SCHEDULER, ...options }));
  // The client knows the Regions and their stores.
  await run(client.txn.run((txn) => txn.batchGet([a, x])));
}

beforeEach(async () => {
  cluster = await FakeCluster.start();
  cluster.split(utf8('m'), 2);
  await connect();
});

/** Stores take requests, of these kinds alone, and do not answer. */
function freeze(...methods: string[]): void {
  const isFrozen = (method: string): boolean => methods.length === 0 || methods.includes(method);
  cluster.script = ({ method }) => (isFrozen(method) ? { type: 'hang' } : undefined);
}

/** What a call throws that must end in time. */
async function failure(call: () => Promise<unknown>, timeoutMs = TIMEOUT_MS): Promise<unknown> {
  const from = now();
  const error = await run(
    call().then(
      () => undefined,
      (thrown: unknown) => thrown,
    ),
  );
  expect(now() - from).toBeLessThanOrEqual(timeoutMs + 1);
  return error;
}

/** Writes keys of one Region, or of both. */
function writing(...keys: Uint8Array[]): () => Promise<unknown> {
  const write = async (txn: Txn): Promise<void> => {
    for (const key of keys) txn.put(key, utf8('v'));
  };
  return () => client.txn(write, { timeoutMs: TIMEOUT_MS });
}

const notCommitted = { name: 'KvError', code: 'DEADLINE_EXCEEDED' };

describe('timeoutMs of client.txn holds for the commit, with all stores frozen', () => {
  it('in one phase: the outcome is said to be unknown', async () => {
    freeze();
    expect(await failure(writing(a))).toBeInstanceOf(UndeterminedError);
  });

  it('over two Regions: unknown for an asynchronous commit, none for one of two phases', async () => {
    freeze();
    expect(await failure(writing(a, x))).toBeInstanceOf(UndeterminedError);
    cluster.script = () => undefined;
    await connect({ asyncCommit: false });
    freeze();
    expect(await failure(writing(a, x))).toMatchObject(notCommitted);
  });

  it('in the second phase: unknown, and it may be committed', async () => {
    await connect({ asyncCommit: false });
    freeze('KvCommit');
    expect(await failure(writing(a, x))).toBeInstanceOf(UndeterminedError);
  });

  it('while the scheduler gives no commit timestamp: not committed', async () => {
    await connect({ asyncCommit: false });
    freeze('KvCommit');
    cluster.script = ({ method }) => {
      if (method === 'KvPrewrite') cluster.timestampsHang = true;
      return undefined;
    };
    expect(await failure(writing(a, x))).toMatchObject(notCommitted);
  });

  it('unless the commit has a time-out of its own', async () => {
    freeze();
    const slow = async (txn: Txn): Promise<void> => {
      txn.put(a, utf8('v'));
      await txn.commit({ timeoutMs: 700 });
    };
    const from = now();
    const error = await failure(() => client.txn(slow, { timeoutMs: TIMEOUT_MS }), 700);
    expect(error).toBeInstanceOf(UndeterminedError);
    expect(now() - from).toBeGreaterThanOrEqual(700);
  });

  it('also when more commits go on in the background than may: then it does not begin', async () => {
    await connect({ onePhaseCommit: false, asyncCommit: false });
    freeze('KvCommit');
    const others = Array.from({ length: limits.clientBackgroundTxnsMax }, (_, i) =>
      failure(writing(utf8(`b${i}`))),
    );
    for (const error of await Promise.all(others)) expect(error).toBeInstanceOf(UndeterminedError);
    const { length } = cluster.callsOf('KvPrewrite');
    expect(await failure(writing(x))).toMatchObject(notCommitted);
    expect(cluster.callsOf('KvPrewrite')).toHaveLength(length);
    // One that waits longer gets its turn when there is room.
    const waiting = client.txn(async (txn) => txn.put(x, utf8('v')), { timeoutMs: 60_000 });
    cluster.script = () => undefined;
    await run(waiting);
    expect(await run(client.txn.snapshotGet(x))).toEqual(utf8('v'));
  });
});

describe('timeoutMs holds for every other call', () => {
  const calls: readonly [string, TxnOptions, (txn: Txn) => Promise<unknown>][] = [
    ['get', {}, (txn) => txn.get(a)],
    ['batchGet', {}, (txn) => txn.batchGet([a, x])],
    ['scan', {}, (txn) => txn.scan(a).then((pairs) => pairs.length)],
    ['lockKeys', { pessimistic: true }, (txn) => txn.lockKeys(a, x)],
    ['getForUpdate', { pessimistic: true }, (txn) => txn.getForUpdate(a)],
    ['getForUpdate, optimistic', {}, (txn) => txn.getForUpdate(a)],
  ];

  it.each(calls)('%s of client.txn', async (_, options, call) => {
    freeze();
    const retries = 0;
    const error = await failure(() =>
      client.txn(call, { timeoutMs: TIMEOUT_MS, retries, ...options }),
    );
    expect(error).toMatchObject({ code: expect.stringMatching(/UNAVAILABLE|DEADLINE_EXCEEDED/) });
  });

  it('reads of snapshots', async () => {
    const snapshot = await run(client.snapshot(undefined, { timeoutMs: TIMEOUT_MS }));
    freeze();
    for (const read of [
      () => snapshot.get(a),
      () => snapshot.batchGet([a, x]),
      () => snapshot.scan(a).then((pairs) => pairs.length),
      () => client.txn.snapshotGet(a, { timeoutMs: TIMEOUT_MS }),
    ]) {
      expect(await failure(read)).toMatchObject({ code: 'UNAVAILABLE' });
    }
  });

  it('the begin, with a scheduler that does not answer', async () => {
    cluster.timestampsHang = true;
    const options = { timeoutMs: TIMEOUT_MS };
    for (const begin of [
      () => client.txn.begin(options),
      () => client.txn(async () => undefined, options),
      () => client.txn.begin({ lifetimeMs: TIMEOUT_MS }),
      () => client.snapshot(undefined, options),
    ]) {
      expect(await failure(begin)).toMatchObject(notCommitted);
    }
  });

  it('the fetch of a timestamp, with a scheduler that is dead', async () => {
    await cluster.stopScheduler();
    const options = { timeoutMs: TIMEOUT_MS };
    for (const fetch of [
      () => client.txn.begin(options),
      () => client.txn(async () => undefined, options),
      () => client.txn.begin({ lifetimeMs: TIMEOUT_MS }),
      () => client.txn(async () => undefined, { lifetimeMs: TIMEOUT_MS }),
      () => client.snapshot(undefined, options),
      () => client.txn.timestamp(options),
    ]) {
      expect(await failure(fetch)).toMatchObject(notCommitted);
    }
  });

  it('10 s are the default of what fetches a timestamp, too', async () => {
    await cluster.stopScheduler();
    for (const fetch of [
      () => client.txn.begin(),
      () => client.txn(async () => undefined),
      () => client.snapshot(),
      () => client.txn.timestamp(),
    ]) {
      expect(await failure(fetch, 10_000)).toMatchObject(notCommitted);
    }
  });
});
