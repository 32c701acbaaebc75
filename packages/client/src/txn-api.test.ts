import { fromUtf8, type Timestamp, utf8 } from '@tinykv/base';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeCluster, SCHEDULER } from '../tests/fake-cluster.js';
import { Client } from './client.js';
import { RegionUnavailableError } from './errors.js';
import type { KvPair } from './range-scan.js';
import type { Txn } from './txn.js';

let cluster: FakeCluster;
let client: Client;

const run = <T>(promise: Promise<T>, maxMs?: number): Promise<T> =>
  cluster.env.clock.runUntil(promise, maxMs);
const text = (value: Uint8Array | undefined): string | undefined => value && fromUtf8(value);
const write = (...pairs: string[]): Promise<Timestamp> =>
  run(
    client.txn.begin().then((txn) => {
      for (const pair of pairs) {
        const [key = '', value = ''] = pair.split('=');
        txn.put(utf8(key), utf8(value));
      }
      return txn.commit();
    }),
  );
const pairText = ({ key, value }: KvPair): string => `${fromUtf8(key)}=${fromUtf8(value)}`;

beforeEach(async () => {
  cluster = await FakeCluster.start();
  client = await run(Client.connect(cluster.env, { scheduler: SCHEDULER }));
});

describe('client.txn', () => {
  it('is called with a function, and runs it again while it loses', async () => {
    await write('n=1');
    let runs = 0;
    const result = await run(
      client.txn(async (t) => {
        const n = Number(text(await t.get(utf8('n'))));
        if (runs++ === 0) await client.txn(async (u) => u.put(utf8('n'), utf8('5')));
        t.put(utf8('n'), utf8(String(n + 1)));
        return n + 1;
      }),
    );
    expect([result, runs]).toEqual([6, 2]);
    expect(text(await run(client.txn.snapshotGet(utf8('n'))))).toBe('6');
  });

  it('`await using` rolls back what was not committed, however the block is left', async () => {
    const seen: Txn[] = [];
    const failing = async (): Promise<void> => {
      await using txn = await client.txn.begin();
      seen.push(txn);
      txn.put(utf8('a'), utf8('1'));
      throw new Error('mine');
    };
    const committing = async (): Promise<void> => {
      await using txn = await client.txn.begin();
      seen.push(txn);
      txn.put(utf8('b'), utf8('1'));
      await txn.commit();
    };
    await expect(run(failing())).rejects.toThrow('mine');
    await run(committing());
    expect(seen.map(({ state }) => state)).toEqual(['rolled-back', 'committed']);
    expect(text(await run(client.txn.snapshotGet(utf8('a'))))).toBeUndefined();
    expect(text(await run(client.txn.snapshotGet(utf8('b'))))).toBe('1');
  });

  it('the client itself is closed by `await using`', async () => {
    const use = async (): Promise<Client> => {
      await using own = await Client.connect(cluster.env, { scheduler: SCHEDULER });
      await own.raw.put(utf8('k'), utf8('v'));
      return own;
    };
    const closed = await run(use());
    await expect(run(closed.raw.get(utf8('k')))).rejects.toThrow();
  });
});

describe('a savepoint', () => {
  it('is come back to, with what the transaction reads and commits', async () => {
    await write('a=old', 'b=old');
    await run(
      client.txn(async (t) => {
        t.put(utf8('a'), utf8('1'));
        const savepoint = t.savepoint();
        t.delete(utf8('a'));
        t.put(utf8('b'), utf8('2'));
        t.put(utf8('c'), utf8('2'));
        t.rollbackTo(savepoint);
        expect((await t.scan(utf8(''))).map(pairText)).toEqual(['a=1', 'b=old']);
        t.put(utf8('d'), utf8('3'));
        t.rollbackTo(savepoint);
        t.put(utf8('e'), utf8('4'));
      }),
    );
    const snapshot = await run(client.snapshot());
    expect((await run(snapshot.scan(utf8('')))).map(pairText)).toEqual(['a=1', 'b=old', 'e=4']);
  });
});

describe('a scan', () => {
  beforeEach(async () => {
    cluster.split(utf8('c'));
    await write('a=1', 'b=2', 'c=3', 'd=4');
  });

  it('is awaited or iterated, by transactions, snapshots and raw', async () => {
    await run(client.raw.batchPut([{ key: utf8('r'), value: utf8('1') }]));
    const txn = await run(client.txn.begin());
    const snapshot = await run(client.snapshot());
    for (const reader of [txn, snapshot]) {
      const options = { end: utf8('d'), reverse: true, limit: 2 };
      const iterated: string[] = [];
      const iterate = async (): Promise<void> => {
        for await (const pair of reader.scan(utf8('a'), options)) iterated.push(pairText(pair));
      };
      await run(iterate());
      expect(iterated).toEqual(['c=3', 'b=2']);
      expect((await run(reader.scan(utf8('a'), options))).map(pairText)).toEqual(iterated);
    }
    expect(await run(client.raw.scan(utf8('')).then((pairs) => pairs.length))).toBe(1);
  });

  it('that nobody awaits or iterates reads nothing; one that fails says so to all who wait', async () => {
    const txn = await run(client.txn.begin({ timeoutMs: 100 }));
    cluster.calls.length = 0;
    const scan = txn.scan(utf8('a'));
    await cluster.env.clock.run(100);
    expect(cluster.calls).toEqual([]);
    cluster.script = () => ({
      type: 'region-error',
      error: { type: 'server-is-busy', reason: 'by the test' },
    });
    let ended = 0;
    const finished = scan.finally(() => {
      ended++;
    });
    await expect(run(finished)).rejects.toThrow(RegionUnavailableError);
    expect(await run(scan.catch(() => 'caught'))).toBe('caught');
    expect(ended).toBe(1);
  });
});

describe('client.snapshot', () => {
  it('reads what was committed at or before a timestamp', async () => {
    const first = await write('a=1', 'b=1');
    const second = await write('a=2', 'c=2');
    const past = await run(client.snapshot(first));
    expect(past.ts).toBe(first);
    expect(text(await run(past.get(utf8('a'))))).toBe('1');
    const values = await run(past.batchGet([utf8('a'), utf8('b'), utf8('c')]));
    expect(values.map(text)).toEqual(['1', '1', undefined]);
    const now = await run(client.snapshot());
    expect(now.ts).toBeGreaterThan(second);
    expect((await run(now.scan(utf8('')))).map(pairText)).toEqual(['a=2', 'b=1', 'c=2']);
  });

  it('says so below the safe point', async () => {
    cluster.script = () => ({
      type: 'key-error',
      error: { belowSafePoint: { ts: 5n, safePoint: 9n } },
    });
    const past = await run(client.snapshot(5n));
    await expect(run(past.get(utf8('a')))).rejects.toMatchObject({
      name: 'BelowSafePointError',
      safePoint: 9n,
    });
  });

  it('read committed asks the store for the newest, past locks', async () => {
    const snapshot = await run(client.snapshot(undefined, { isolation: 'read-committed' }));
    await run(snapshot.get(utf8('a')));
    await run(snapshot.batchGet([utf8('a'), utf8('b')]));
    await run(snapshot.scan(utf8('a')));
    const isolations = cluster.calls.map(({ method, context }) => [method, context.isolation]);
    expect(isolations).toEqual([
      ['KvGet', 1],
      ['KvBatchGet', 1],
      ['KvScan', 1],
    ]);
  });
});

describe('a call that is given up', () => {
  const hang = (): void => {
    cluster.script = () => ({ type: 'hang' });
  };
  const cancelled = { code: 'CANCELLED' };

  it('before it began sends nothing', async () => {
    const signal = AbortSignal.abort('why');
    const txn = await run(client.txn.begin());
    cluster.calls.length = 0;
    const options = { signal };
    for (const call of [
      txn.get(utf8('a'), options),
      txn.batchGet([utf8('a')], options),
      txn.scan(utf8('a'), options),
      client.raw.get(utf8('a'), options),
      client.raw.put(utf8('a'), utf8('1'), options),
      client.txn(async () => 1, options),
      client.txn.begin(options),
      client.snapshot(undefined, options),
    ]) {
      const ended = run<unknown>(call);
      await expect(ended).rejects.toMatchObject({ ...cancelled, cause: 'why' });
    }
    expect(cluster.calls).toEqual([]);
  });

  it('while it waits ends at once, and leaves no listener behind', async () => {
    const abort = new AbortController();
    const txn = await run(client.txn.begin({ signal: abort.signal }));
    hang();
    const before = cluster.env.clock.mono();
    const reads = [
      txn.get(utf8('a')),
      txn.scan(utf8('a')),
      txn.batchGet([utf8('a'), utf8('b')], { signal: new AbortController().signal }),
    ].map((read) => expect(read).rejects.toMatchObject(cancelled));
    await cluster.env.clock.settle();
    abort.abort();
    await Promise.all(reads);
    expect(cluster.env.clock.mono()).toBe(before);
    // What was sent ends by itself, soon.
    await cluster.env.clock.run(4_000);
    expect(cluster.env.clock.pendingTimers).toBe(0);
  });

  it('as a raw write is undetermined once it may have been sent', async () => {
    const abort = new AbortController();
    await run(client.raw.get(utf8('a')));
    hang();
    const write = client.raw.put(utf8('a'), utf8('1'), { signal: abort.signal });
    const rejected = expect(write).rejects.toMatchObject({ name: 'UndeterminedError' });
    await cluster.env.clock.settle();
    abort.abort();
    await rejected;
  });

  it('has a time-out of its own, and a transaction one for all its calls', async () => {
    hang();
    const txn = await run(client.txn.begin({ lifetimeMs: 500 }));
    const short = txn.get(utf8('a'), { timeoutMs: 100 });
    await expect(run(short)).rejects.toThrow(RegionUnavailableError);
    const before = cluster.env.clock.mono();
    await expect(run(txn.get(utf8('a')))).rejects.toThrow(RegionUnavailableError);
    expect(cluster.env.clock.mono() - before).toBeLessThanOrEqual(500);
    await cluster.env.clock.run(500);
    await expect(run(txn.get(utf8('a')))).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  });

  it('by run() ends between two runs', async () => {
    await write('n=0');
    const abort = new AbortController();
    let runs = 0;
    const losing = client.txn(
      async (t) => {
        if (++runs === 3) abort.abort();
        await client.txn(async (u) => u.put(utf8(`n${runs}`), utf8('x')));
        t.put(utf8(`n${runs}`), utf8('y'));
      },
      { signal: abort.signal },
    );
    await expect(run(losing)).rejects.toThrow();
    expect(runs).toBe(3);
    const hurried = client.txn(
      async (t) => {
        runs += 1;
        await client.txn(async (u) => u.put(utf8(`n${runs}`), utf8('x')));
        t.put(utf8(`n${runs}`), utf8('y'));
      },
      { lifetimeMs: 50, retries: 1_000 },
    );
    await expect(run(hurried)).rejects.toMatchObject({ name: 'WriteConflictError' });
  });
});

describe('a commit that is given up', () => {
  const decided = (): Promise<string | undefined> =>
    run(client.txn.snapshotGet(utf8('a'), { timeoutMs: 60_000 })).then(text);
  /** Gives it up when the first request of the method arrives, which gets no answer until then. */
  async function givenUpAt(method: string, options: { timeoutMs?: number } = {}): Promise<unknown> {
    const abort = new AbortController();
    const txn = await run(client.txn.begin());
    txn.put(utf8('a'), utf8('1'));
    txn.put(utf8('z'), utf8('1'));
    cluster.answersAfterMs = 100;
    cluster.script = (call) => {
      if (call.method === method && options.timeoutMs === undefined) abort.abort('enough');
      return undefined;
    };
    const failure = await run(
      txn.commit({ signal: abort.signal, ...options }).catch((error: unknown) => error),
    );
    expect(txn.state).toBe('failed');
    await run(txn.settled);
    cluster.answersAfterMs = 0;
    return failure;
  }

  beforeEach(async () => {
    cluster.split(utf8('m'));
    const options = { scheduler: SCHEDULER, asyncCommit: false };
    client = await run(Client.connect(cluster.env, options));
    // In one phase, for all that the client knows, while it knows no Regions.
    await decided();
  });

  it('while it is prewritten is certainly not committed, and leaves no locks', async () => {
    expect(await givenUpAt('KvPrewrite')).toMatchObject({ code: 'CANCELLED', cause: 'enough' });
    expect(cluster.callsOf('KvCommit')).toEqual([]);
    expect(cluster.data.at(utf8('a')).lock).toBeUndefined();
    expect(cluster.data.at(utf8('z')).lock).toBeUndefined();
    expect(await decided()).toBeUndefined();
  });

  it('while it is decided is undetermined, whatever becomes of it', async () => {
    expect(await givenUpAt('KvCommit')).toMatchObject({ name: 'UndeterminedError' });
    expect(await decided()).toBe('1');
  });

  it('by its time-out is the same', async () => {
    expect(await givenUpAt('', { timeoutMs: 50 })).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(await decided()).toBeUndefined();
    expect(await givenUpAt('', { timeoutMs: 150 })).toMatchObject({ name: 'UndeterminedError' });
    expect(await decided()).toBe('1');
  });

  it('in one phase is being decided from the start', async () => {
    const abort = new AbortController();
    const txn = await run(client.txn.begin({ signal: abort.signal }));
    txn.put(utf8('a'), utf8('1'));
    cluster.onePhase = true;
    cluster.answersAfterMs = 100;
    const committing = txn.commit().catch((error: unknown) => error);
    await cluster.env.clock.run(50);
    abort.abort();
    expect(await run(committing)).toMatchObject({ name: 'UndeterminedError' });
    await run(txn.settled);
    expect(await decided()).toBe('1');
  });

  it('before it began, or after the time of its transaction, does nothing', async () => {
    const txn = await run(client.txn.begin({ lifetimeMs: 100 }));
    txn.put(utf8('a'), utf8('1'));
    const signal = AbortSignal.abort();
    await expect(run(txn.commit({ signal }))).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(txn.state).toBe('open');
    await cluster.env.clock.run(100);
    await expect(run(txn.commit())).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(cluster.callsOf('KvPrewrite')).toEqual([]);
    txn.rollback();
  });
});
