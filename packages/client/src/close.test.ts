import { utf8 } from '@tinykv/base';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeCluster, SCHEDULER } from '../tests/fake-cluster.js';
import { Client, type ClientOptions } from './client.js';
import { UndeterminedError } from './errors.js';
import type { Txn } from './txn.js';

const [a, x] = [utf8('a'), utf8('x')];
const CANCELLED = { code: 'CANCELLED' };
/** One beat of the sweep that a stream still has to come. */
const SOON_MS = 100;

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

/** How a call ended, and when. */
interface Ended {
  readonly error: unknown;
  readonly at: number;
}

const ended = (call: Promise<unknown>): Promise<Ended> =>
  call.then(
    () => ({ error: undefined, at: now() }),
    (error: unknown) => ({ error, at: now() }),
  );

const write = (...keys: Uint8Array[]): Promise<void> =>
  client.txn(async (txn: Txn) => {
    for (const key of keys) txn.put(key, utf8('v'));
  });

/** Lets what was begun get as far as it gets. */
const begun = (): Promise<void> =>
  run(new Promise((resolve) => cluster.env.clock.after(20, resolve)));

describe('closing a client', () => {
  it('lets commits under way finish, and what they leave to be done', async () => {
    await connect({ asyncCommit: false });
    cluster.answersAfterMs = 200;
    const commits = Array.from({ length: 20 }, (_, i) =>
      ended(write(utf8(`a${i}`), utf8(`x${i}`))),
    );
    await begun();
    await run(client.close());
    for (const { error } of await Promise.all(commits)) expect(error).toBeUndefined();
    expect(cluster.data.keys.size).toBeGreaterThanOrEqual(2 * commits.length);
    for (const { lock } of cluster.data.keys.values()) expect(lock).toBeUndefined();
  });

  it('fails commits that do not end within the time-out, and says which may be committed', async () => {
    await connect({ asyncCommit: false });
    freeze('KvPrewrite');
    const undecided = ended(write(a, x));
    await begun();
    cluster.onePhase = true;
    const decided = ended(write(a));
    await begun();
    const from = now();
    await run(client.close({ timeoutMs: 300 }));
    expect(now() - from).toBeLessThanOrEqual(301);
    const [first, second] = await run(Promise.all([undecided, decided]));
    expect(first).toMatchObject({ error: CANCELLED });
    expect(second.error).toBeInstanceOf(UndeterminedError);
    expect(Math.max(first.at, second.at) - from).toBeLessThanOrEqual(301);
  });

  it('has 5 seconds for them unless it is told', async () => {
    freeze('KvPrewrite');
    const commit = ended(write(a));
    await begun();
    const from = now();
    await run(client.close());
    expect(now() - from).toBeLessThanOrEqual(5_001);
    await run(commit);
  });

  it('fails reads, raw calls, locks and begins at once, while commits go on', async () => {
    await connect({ asyncCommit: false });
    const waiting = await run(client.txn.begin({ pessimistic: true }));
    const reading = await run(client.txn.begin());
    freeze();
    const commit = ended(write(a, x));
    await begun();
    cluster.timestampsHang = true;
    const calls = [
      reading.get(a),
      reading.batchGet([a, x]),
      reading.scan(a).then((pairs) => pairs.length),
      waiting.lockKeys(x),
      client.raw.get(a),
      client.inspect.history(a),
      client.txn.snapshotGet(a),
      client.txn.begin(),
      client.snapshot(),
      client.txn.timestamp(),
    ].map(ended);
    const writing = ended(client.raw.put(a, a));
    await begun();
    const from = now();
    const closing = client.close({ timeoutMs: 400 });
    for (const { error, at } of await run(Promise.all(calls))) {
      expect(error).toMatchObject(CANCELLED);
      expect(at).toBe(from);
    }
    const put = await writing;
    expect(put.error).toBeInstanceOf(UndeterminedError);
    expect(put.at).toBe(from);
    await run(Promise.all([closing, commit]));
  });

  it('fails a call that waits between two attempts at once', async () => {
    const error = { type: 'server-is-busy', reason: 'full' } as const;
    cluster.script = () => ({ type: 'region-error', error });
    const read = ended(client.raw.get(a, { timeoutMs: 60_000 }));
    await run(new Promise<void>((resolve) => cluster.env.clock.after(5_000, resolve)));
    const from = now();
    await run(client.close());
    expect(await read).toMatchObject({ error: CANCELLED, at: from });
  });

  it('refuses every later call at once', async () => {
    const txn = await run(client.txn.begin());
    txn.put(a, a);
    await run(client.close());
    const from = now();
    for (const call of [
      () => client.txn(async () => 1),
      () => client.txn.begin(),
      () => client.snapshot(),
      () => client.snapshot(5n),
      () => client.txn.snapshotGet(a),
      () => client.txn.timestamp(),
      () => client.raw.get(a),
      () => client.raw.put(a, a),
      () => client.inspect.history(a),
      () => client.scheduler.allStores(),
      () => txn.get(x),
      () => txn.commit(),
    ]) {
      expect(await run(ended(call()))).toMatchObject({ error: CANCELLED });
    }
    expect(now()).toBe(from);
  });

  it('leaves nothing running, with the scheduler dead and stores that hang', async () => {
    const txn = await run(client.txn.begin({ pessimistic: true }));
    await run(txn.lockKeys(a));
    await cluster.stopScheduler();
    const begin = ended(client.txn.begin());
    await run(new Promise<void>((resolve) => cluster.env.clock.after(3_000, resolve)));
    freeze();
    const commit = ended(txn.commit());
    await begun();
    await run(client.close({ timeoutMs: 200 }));
    await run(Promise.all([begin, commit]));
    const { length } = cluster.calls;
    const warnings = cluster.env.logger.lines.length;
    await run(new Promise<void>((resolve) => cluster.env.clock.after(SOON_MS, resolve)));
    expect(cluster.env.clock.pendingTimers).toBe(0);
    expect(cluster.calls).toHaveLength(length);
    expect(cluster.env.logger.lines).toHaveLength(warnings);
  });

  it('may be asked for twice', async () => {
    await run(Promise.all([client.close(), client.close()]));
    expect(await run(client.close())).toBeUndefined();
    await expect(run(client.raw.get(a))).rejects.toMatchObject(CANCELLED);
  });
});
