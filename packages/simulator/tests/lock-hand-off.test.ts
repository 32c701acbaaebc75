import { fromUtf8, utf8 } from '@tinykv/base';
import { type Client, LockWaitTimeoutError, type Txn } from '@tinykv/client';
import { locationKey, rangeContains } from '@tinykv/model';
import { beforeEach, describe, expect, it } from 'vitest';
import { Scenario } from './scenario.js';

const WORKERS = 16;
const INCREMENTS = 20;
const PIPELINED_INCREMENTS = 5;
/** Longer than a request takes from a client to a store. */
const ON_ITS_WAY_MS = 10;

/** One lock that was asked for, in simulated milliseconds. */
interface Acquisition {
  readonly startTs: bigint;
  readonly askedAt: number;
  readonly heldAt: number;
}

let s: Scenario;
let clients: Client[];

beforeEach(async ({ task }) => {
  s = await Scenario.start(task.name, { clients: 4, regionMaxBytes: 30_000 });
  clients = s.cluster.clients.map((node) => node.client!);
});

async function lockAndNote(txn: Txn, key: string, notes: Acquisition[]): Promise<string> {
  const askedAt = s.world.now;
  const value = await txn.getForUpdate(utf8(key));
  notes.push({ startTs: txn.startTs, askedAt, heldAt: s.world.now });
  return value === undefined ? '0' : fromUtf8(value);
}

/** Every worker increments the counter so often, by transactions that lock it first. */
async function increments(count: number, options: { pipelined?: boolean }): Promise<Acquisition[]> {
  const notes: Acquisition[] = [];
  const work = Array.from({ length: WORKERS }, async (_, i) => {
    for (let n = 0; n < count; n++) {
      await clients[i % clients.length]!.txn(
        async (txn) => {
          const value = Number(await lockAndNote(txn, 'counter', notes));
          txn.put(utf8('counter'), utf8(String(value + 1)));
        },
        { pessimistic: true, ...options },
      );
    }
  });
  await s.wait(Promise.all(work), 120_000);
  return notes;
}

/** Those that got the lock although an older transaction had been waiting for it when they asked. */
function overtakers(notes: readonly Acquisition[]): Acquisition[] {
  return notes.filter((own) =>
    notes.some(
      (other) =>
        other.startTs < own.startTs &&
        other.askedAt + ON_ITS_WAY_MS <= own.askedAt &&
        other.heldAt > own.heldAt,
    ),
  );
}

describe('a pessimistic lock that many ask for', () => {
  for (const pipelined of [false, true]) {
    const how = pipelined ? 'pipelined' : 'on a quorum';
    it(`goes to the oldest that waits for it, ${how}: nobody is overtaken`, async () => {
      const count = pipelined ? PIPELINED_INCREMENTS : INCREMENTS;
      const notes = await increments(count, { pipelined });
      const counter = await s.wait(clients[0]!.txn.snapshotGet(utf8('counter')));
      expect(fromUtf8(counter!)).toBe(String(WORKERS * count));
      // No transaction was run twice.
      expect(notes).toHaveLength(WORKERS * count);
      expect(overtakers(notes)).toEqual([]);
    }, 120_000);
  }
});

/** Transactions of one client that wait for a lock, oldest first, and what has come of each. */
async function waitFor(key: string, count: number, client: Client): Promise<Waiting[]> {
  const out: Waiting[] = [];
  for (let i = 0; i < count; i++) {
    const txn = await s.wait(client.txn.begin({ pessimistic: true, timeoutMs: 20_000 }));
    const waiting: Waiting = { txn, heldAt: undefined, error: undefined };
    txn.getForUpdate(utf8(key)).then(
      () => {
        waiting.heldAt = s.world.now;
      },
      (error: unknown) => {
        waiting.error = error;
      },
    );
    out.push(waiting);
  }
  await s.run(50);
  return out;
}

interface Waiting {
  readonly txn: Txn;
  heldAt: number | undefined;
  error: unknown;
}

async function holder(key: string): Promise<Txn> {
  const txn = await s.wait(clients[0]!.txn.begin({ pessimistic: true }));
  await s.wait(txn.lockKeys(utf8(key)));
  return txn;
}

/** Each of them gets the lock, within a second after the one before has given it back. */
async function expectAll(waiting: readonly Waiting[]): Promise<void> {
  const left = [...waiting];
  while (left.length > 0) {
    const held = (): Waiting | undefined => left.find(({ heldAt }) => heldAt !== undefined);
    await s.until('somebody has the lock', () => held() !== undefined, 1_000);
    left.splice(left.indexOf(held()!), 1)[0]!.txn.rollback();
  }
  expect(waiting.map(({ error }) => error)).toEqual(waiting.map(() => undefined));
}

describe('those who wait for a lock', () => {
  it('have it one after the other across a change of leader, whoever knows of the release', async () => {
    const first = await holder('k');
    const waiting = await waitFor('k', 3, clients[1]!);
    first.rollback();
    const heir = s.transferLeader();
    await s.untilLeads(heir);
    await expectAll(waiting);
  });

  it('have it one after the other across a split', async () => {
    const region = (): string => {
      const at = locationKey('txn', utf8('k'));
      const peers = s.cluster.peers().filter(({ status }) => status.role === 'StateLeader');
      const home = peers.find(({ status }) => rangeContains(status.region.range, at));
      return `${home?.status.region.id}/${home?.status.region.epoch.version}`;
    };
    const first = await holder('k');
    const before = region();
    const waiting = await waitFor('k', 3, clients[1]!);
    for (const letter of 'abcdefghijlmnopqrstuvwxyz') {
      await s.wait(clients[2]!.txn(async (t) => t.put(utf8(letter), new Uint8Array(2_000))));
    }
    await s.until('the Region is split', () => region() !== before, 20_000);
    first.rollback();
    await expectAll(waiting);
  });

  it('have it at once when who was before them is known to be gone', async () => {
    const first = await holder('k');
    const [dead] = await waitFor('k', 1, clients[1]!);
    const waiting = await waitFor('k', 2, clients[2]!);
    s.cluster.clients[1]!.crash();
    first.rollback();
    await s.run(1_000);
    expect(dead!.heldAt).toBeUndefined();
    await expectAll(waiting);
  });

  it('have it when the lock of a client that nobody hears any more has expired', async () => {
    const first = await holder('k');
    const [dead] = await waitFor('k', 1, clients[1]!);
    const waiting = await waitFor('k', 2, clients[2]!);
    for (const store of s.cluster.stores) {
      s.cut(s.cluster.clients[1]!, store);
      s.cut(store, s.cluster.clients[1]!);
    }
    first.rollback();
    await s.run(200);
    expect([dead!, ...waiting].map(({ heldAt }) => heldAt)).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    await s.run(9_000);
    await expectAll(waiting);
  });

  it('are told that the time is over, even where their store does not answer by then', async () => {
    const first = await holder('k');
    const txn = await s.wait(clients[1]!.txn.begin({ pessimistic: true, timeoutMs: 3_000 }));
    const call = txn.getForUpdate(utf8('k'));
    await s.run(2_200);
    for (const store of s.cluster.stores) s.cut(s.cluster.clients[1]!, store);
    await expect(s.wait(call)).rejects.toBeInstanceOf(LockWaitTimeoutError);
    first.rollback();
  });

  it('are not run again when they said how long they wait, or that they do not', async () => {
    const first = await holder('k');
    for (const lockWaitMs of [0, 300]) {
      let runs = 0;
      const began = s.world.now;
      const run = clients[1]!.txn(
        async (txn) => {
          runs += 1;
          await txn.getForUpdate(utf8('k'));
        },
        { pessimistic: true, lockWaitMs },
      );
      await expect(s.wait(run)).rejects.toBeInstanceOf(LockWaitTimeoutError);
      expect(runs).toBe(1);
      expect(s.world.now - began).toBeLessThan(lockWaitMs + 50);
    }
    first.rollback();
  });
});
