import { fromUtf8, type Timestamp, utf8 } from '@tinykv/base';
import { type Client, DeadlockError, LockWaitTimeoutError, type Txn } from '@tinykv/client';
import { locationKey, rangeContains } from '@tinykv/model';
import { beforeEach, describe, expect, it } from 'vitest';
import type { StoreRegion } from '../src/cluster/cluster.js';
import { Scenario } from './scenario.js';

let s: Scenario;
let client: Client;

beforeEach(async ({ task }) => {
  s = await Scenario.start(task.name, { regionMaxBytes: 8_000, clients: 2 });
  client = s.cluster.clients[0]!.client!;
});

const begin = (options = {}): Promise<Txn> =>
  s.wait(client.txn.begin({ pessimistic: true, ...options }));
const lock = (txn: Txn, key: string) => txn.getForUpdate(utf8(key));

async function put(key: string, value: string): Promise<void> {
  await s.wait(client.txn.run(async (txn) => txn.put(utf8(key), utf8(value))));
}

async function read(key: string): Promise<string | undefined> {
  const value = await s.wait(client.txn.snapshotGet(utf8(key)));
  return value && fromUtf8(value);
}

/** What a promise comes to, as it is by now. */
function watch(promise: Promise<unknown>): { outcome: unknown } {
  const seen = { outcome: undefined as unknown };
  promise.then(
    (value) => {
      seen.outcome = value ?? 'done';
    },
    (error: unknown) => {
      seen.outcome = error;
    },
  );
  return seen;
}

/** Those that lead, one for each Region. */
function leaders(): StoreRegion[] {
  return s.cluster.peers().filter(({ status }) => status.role === 'StateLeader');
}

/** Three keys in three Regions, each of which another store leads. The first Region has the first of them. */
async function threeStores(): Promise<[string, string, string]> {
  for (const letter of 'abcdefghi') await put(letter, letter.repeat(2_000));
  const byStore = (): Map<string, string> => {
    const keys = new Map<string, string>();
    for (const letter of 'abcdefghi') {
      const at = locationKey('txn', utf8(letter));
      const home = leaders().find(({ status }) => rangeContains(status.region.range, at));
      if (home !== undefined && !keys.has(home.node.name)) keys.set(home.node.name, letter);
    }
    return keys;
  };
  await s.until('three stores lead', () => byStore().size === 3);
  const [a, b, c] = [...byStore().values()];
  return [a!, b!, c!];
}

describe('a deadlock', () => {
  it('over two stores is told to one of the transactions, with the cycle', async () => {
    const [a, b] = await threeStores();
    const [one, two] = [await begin(), await begin()];
    await s.wait(lock(one, a));
    await s.wait(lock(two, b));
    const first = watch(lock(one, b));
    await s.run(100);
    const second = watch(lock(two, a));
    await s.run(300);
    expect(first.outcome).toBeUndefined();
    expect(second.outcome).toBeInstanceOf(DeadlockError);
    expect(cycleOf(second.outcome)).toEqual([
      [two.startTs, one.startTs, a],
      [one.startTs, two.startTs, b],
    ]);
    two.rollback();
    await s.run(200);
    expect(first.outcome).toEqual(utf8(b.repeat(2_000)));
    await s.wait(one.commit());
  });

  it('over three stores is found too, by whoever leads the first Region by then', async () => {
    const keys = await threeStores();
    const txns = [await begin(), await begin(), await begin()] as const;
    for (const [i, txn] of txns.entries()) await s.wait(lock(txn, keys[i]!));
    const waits = [watch(lock(txns[0], keys[1])), watch(lock(txns[1], keys[2]))];
    await s.run(200);
    // The detector begins anew elsewhere, and is told again who waits.
    const detector = leaders().find(({ status }) => status.region.range.start.length === 0)!;
    const { id, peers } = detector.status.region;
    const heir = peers.find(({ storeId }) => storeId !== detector.node.storeId)!;
    const { admin } = client.scheduler;
    await s.wait(
      admin.addOperator({ kind: 'transfer-leader', regionId: id, storeId: heir.storeId }),
    );
    await s.run(1_000);
    const last = watch(lock(txns[2], keys[0]));
    await s.run(2_500);
    const outcomes = [...waits, last].map(({ outcome }) => outcome);
    const [victim, ...others] = outcomes.filter((outcome) => outcome instanceof DeadlockError);
    expect(others).toEqual([]);
    const starts = txns.map(({ startTs }) => startTs);
    const cycle = cycleOf(victim);
    expect(cycle.map(([txn]) => txn).sort()).toEqual(starts.sort());
    for (const [i, [, next]] of cycle.entries()) expect(next).toBe(cycle[(i + 1) % 3]![0]);
  });
});

/** Who waits for whom, and for which key. */
function cycleOf(error: unknown): [Timestamp, Timestamp, string][] {
  if (!(error instanceof DeadlockError)) throw new Error(`no deadlock: ${String(error)}`);
  return error.waitChain.map(({ txn, waitForTxn, key }) => [txn, waitForTxn, fromUtf8(key)]);
}

describe('a pessimistic transaction', () => {
  it('reads what was committed after it began, and may overwrite it', async () => {
    const txn = await begin();
    await put('k', 'two');
    expect(fromUtf8((await s.wait(lock(txn, 'k')))!)).toBe('two');
    expect(fromUtf8((await s.wait(txn.get(utf8('k'))))!)).toBe('two');
    txn.put(utf8('k'), utf8('three'));
    expect(fromUtf8((await s.wait(lock(txn, 'k')))!)).toBe('three');
    await s.wait(txn.commit());
    expect(await read('k')).toBe('three');
  });

  it('waits for another, and goes on with what that one has committed', async () => {
    const [one, two] = [await begin(), await begin()];
    await s.wait(lock(one, 'k'));
    const waiting = watch(lock(two, 'k'));
    await s.run(2_500);
    expect(waiting.outcome).toBeUndefined();
    one.put(utf8('k'), utf8('one'));
    await s.wait(one.commit());
    await s.run(100);
    expect(waiting.outcome).toEqual(utf8('one'));
  });

  it('waits for as long as it said, or not at all', async () => {
    const one = await begin();
    await s.wait(lock(one, 'k'));
    for (const [lockWaitMs, mostMs] of [
      [0, 50],
      [700, 750],
      [3_000, 3_100],
    ] as const) {
      const waiting = watch(lock(await begin({ lockWaitMs }), 'k'));
      await s.run(lockWaitMs * 0.9);
      expect(waiting.outcome === undefined || lockWaitMs === 0).toBe(true);
      await s.run(mostMs - lockWaitMs * 0.9);
      expect(waiting.outcome).toBeInstanceOf(LockWaitTimeoutError);
    }
  });

  it('keeps its locks for as long as it takes, and gives them back when it is rolled back', async () => {
    const one = await begin();
    await s.wait(one.lockKeys(utf8('j'), utf8('k')));
    await s.run(25_000);
    const hasty = watch(lock(await begin({ lockWaitMs: 0 }), 'k'));
    await s.run(100);
    expect(hasty.outcome).toBeInstanceOf(LockWaitTimeoutError);
    one.rollback();
    await s.wait(one.settled);
    for (const key of ['j', 'k']) await s.wait(lock(await begin({ lockWaitMs: 0 }), key));
  });

  it('whose client is gone holds others up no longer than its locks live', async () => {
    const one = await begin();
    await s.wait(lock(one, 'k'));
    s.cluster.clients[0]!.crash();
    await s.cluster.clients[0]!.start();
    await s.until('a new client', () => s.cluster.clients[0]!.client !== undefined);
    client = s.cluster.clients[0]!.client!;
    const two = await begin({ timeoutMs: 20_000 });
    await s.wait(lock(two, 'k'));
    two.put(utf8('k'), utf8('two'));
    await s.wait(two.commit());
    expect(await read('k')).toBe('two');
  });

  it('that has lost a lock does not get it anew, since the value under it may be another', async () => {
    await put('k', 'one');
    const txn = await begin();
    expect(fromUtf8((await s.wait(lock(txn, 'k')))!)).toBe('one');
    // Others take it for dead, as its heartbeats do not arrive, and go on.
    const [own, other] = s.cluster.clients;
    for (const store of s.cluster.stores) s.cut(own!, store);
    await s.run(15_000);
    const written = other!.client!.txn.run(async (t) => t.put(utf8('k'), utf8('two')));
    await s.wait(written);
    for (const store of s.cluster.stores) s.heal(own!, store);
    expect(fromUtf8((await s.wait(lock(txn, 'k')))!)).toBe('one');
    txn.put(utf8('k'), utf8('three'));
    await expect(s.wait(txn.commit())).rejects.toThrow('is lost');
    expect(await read('k')).toBe('two');
  });

  it('waits on over a change of leader', async () => {
    const [one, two] = [await begin(), await begin()];
    await s.wait(lock(one, 'k'));
    const waiting = watch(lock(two, 'k'));
    await s.run(200);
    const heir = s.transferLeader();
    await s.untilLeads(heir);
    await s.run(500);
    expect(waiting.outcome).toBeUndefined();
    one.rollback();
    await s.run(200);
    expect(waiting.outcome).toBe('done');
  });

  it('commits what it has locked over several Regions, pipelined or not', async () => {
    const keys = await threeStores();
    for (const pipelined of [false, true]) {
      const txn = await begin({ pipelined });
      await s.wait(txn.lockKeys(...keys.map(utf8)));
      const [, middle] = keys;
      txn.put(utf8(middle), utf8('changed'));
      await s.wait(txn.commit());
      expect(await read(middle)).toBe('changed');
    }
  });
});

describe('an optimistic transaction', () => {
  it('takes getForUpdate for a promise that the commit keeps', async () => {
    const txn = await begin({ pessimistic: false });
    expect(await s.wait(lock(txn, 'k'))).toBeUndefined();
    await put('k', 'other');
    await expect(s.wait(txn.commit())).rejects.toThrow('was written');
  });
});
