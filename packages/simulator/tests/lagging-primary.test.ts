import { fromUtf8, TS_MAX, utf8 } from '@tinykv/base';
import { type Client, KeyLockedError, LockWaitTimeoutError, type Txn } from '@tinykv/client';
import { findPeerOnStore, locationKey, rangeContains } from '@tinykv/model';
import { tinykvtxn } from '@tinykv/proto';
import { beforeEach, describe, expect, it } from 'vitest';
import type { StoreNode } from '../src/cluster/store-node.js';
import { Scenario } from './scenario.js';

/** How long the requests of a transaction to the store of its primary are under way. */
const LAG_MS = 1_500;

let s: Scenario;
let writer: Client;
let other: Client;
/** Keys in two Regions that different stores lead. */
let primary: string;
let secondary: string;

const text = (value: Uint8Array | undefined): string | undefined => value && fromUtf8(value);

beforeEach(async ({ task }) => {
  s = await Scenario.start(task.name, { regionMaxBytes: 8_000, clients: 2 });
  writer = s.cluster.clients[0]!.client!;
  other = s.cluster.clients[1]!.client!;
  const letters = [...'abcdefghi'];
  for (const letter of letters) await put(letter, letter.repeat(2_000));
  // The scheduler has spread the leaders by then.
  await s.run(10_000);
  primary = 'a';
  secondary = letters.find((letter) => leaderOf(letter) !== leaderOf(primary))!;
  await put(primary, 'old');
  await put(secondary, 'old');
  // The writer knows where the keys are.
  for (const key of [primary, secondary]) await s.wait(writer.txn.snapshotGet(utf8(key)));
});

function put(key: string, value: string): Promise<void> {
  return s.wait(other.txn.run(async (txn) => txn.put(utf8(key), utf8(value))));
}

function leaderOf(key: string): StoreNode | undefined {
  const at = locationKey('txn', utf8(key));
  return s.cluster
    .peers()
    .filter(({ status: { role } }) => role === 'StateLeader')
    .find(({ status: { region } }) => rangeContains(region.range, at))?.node;
}

function newest(key: string): Promise<string | undefined> {
  return s.wait(other.txn.snapshotGet(utf8(key))).then(text);
}

/** Writes both keys; asynchronous commits may have few keys only. */
function begin(isAsync: boolean): Promise<Txn> {
  return s.wait(writer.txn.begin()).then((txn) => {
    txn.put(utf8(primary), utf8('new'));
    txn.put(utf8(secondary), utf8('new'));
    for (let i = 0; !isAsync && i < 300; i++) txn.put(utf8(`${secondary}/${i}`), utf8(''));
    return txn;
  });
}

/** Commits, and returns when the secondary is locked while the primary's prewrite is under way. */
async function commitWithLag(txn: Txn): Promise<{ readonly committing: Promise<unknown> }> {
  s.cluster.network.clog(s.cluster.clients[0]!.host, leaderOf(primary)!.host, LAG_MS);
  return commit(txn);
}

/** Commits, and returns when the secondary is locked. */
async function commit(txn: Txn): Promise<{ readonly committing: Promise<unknown> }> {
  const committing = txn.commit();
  committing.catch(() => undefined);
  while (!(await isLocked(secondary))) await s.run(1);
  return { committing };
}

async function isLocked(key: string): Promise<boolean> {
  const { lock } = await s.wait(other.inspect.history(utf8(key)));
  return lock !== undefined;
}

describe.each([
  ['of two phases', false],
  ['asynchronous', true],
] as const)('lagging_primary: a commit, %s, whose primary is not locked yet', (_, isAsync) => {
  it('outlives a read that meets one of its other locks, and the read waits for it', async () => {
    const { committing } = await commitWithLag(await begin(isAsync));
    const from = s.world.now;
    const read = await s.wait(other.txn.run((txn) => txn.get(utf8(secondary))));
    expect(text(read)).toMatch(/old|new/);
    expect(s.world.now - from).toBeLessThan(2 * LAG_MS);
    await s.wait(committing);
    expect(await newest(primary)).toBe('new');
    expect(await newest(secondary)).toBe('new');
  });

  it('is not waited for by a read of the newest commit: there is none yet', async () => {
    const { committing } = await commitWithLag(await begin(isAsync));
    const from = s.world.now;
    expect(await newest(secondary)).toBe('old');
    expect(s.world.now - from).toBeLessThan(100);
    await s.wait(committing);
    expect(await newest(secondary)).toBe('new');
  });

  it('outlives another that writes the same key', async () => {
    const { committing } = await commitWithLag(await begin(isAsync));
    const younger = await s.wait(other.txn.begin());
    younger.put(utf8(secondary), utf8('younger'));
    await expect(s.wait(younger.commit())).rejects.toThrow(KeyLockedError);
    await s.wait(committing);
    expect(await newest(secondary)).toBe('new');
  });

  it('is rolled back once the lock that was met has expired', async () => {
    s.cut(s.cluster.clients[0]!, leaderOf(primary)!);
    const { committing } = await commitWithLag(await begin(isAsync));
    const from = s.world.now;
    const read = s.wait(other.txn.run((txn) => txn.get(utf8(secondary)), { timeoutMs: 20_000 }));
    expect(text(await read)).toBe('old');
    expect(s.world.now - from).toBeGreaterThan(2_000);
    expect(s.world.now - from).toBeLessThan(4_000);
    s.heal(s.cluster.clients[0]!, leaderOf(primary)!);
    await expect(s.wait(committing)).rejects.toThrow();
    expect(await newest(primary)).toBe('old');
  });
});

describe('a two-phase commit whose timestamp lags', () => {
  it('is not waited for by a read of the newest commit, until its primary is committed', async () => {
    const txn = await begin(false);
    s.cluster.network.clog(s.cluster.clients[0]!.host, s.cluster.scheduler.host, LAG_MS);
    const { committing } = await commit(txn);
    while (!(await isLocked(primary))) await s.run(1);
    const from = s.world.now;
    for (let i = 0; i < 3; i++) expect(await newest(secondary)).toBe('old');
    expect(s.world.now - from).toBeLessThan(200);
    expect(txn.state).toBe('committing');
    await s.wait(committing);
    expect(await newest(secondary)).toBe('new');
  });
});

describe('pessimistic locks of a living transaction whose primary has lost its lock', () => {
  it('are not taken away by others that want them', async () => {
    const txn = await s.wait(writer.txn.begin({ pessimistic: true }));
    for (const key of [primary, secondary]) await s.wait(txn.getForUpdate(utf8(key)));
    await dropLock(primary, txn);
    const rival = await s.wait(other.txn.begin({ pessimistic: true, lockWaitMs: 3_000 }));
    await expect(s.wait(rival.lockKeys(utf8(secondary)))).rejects.toThrow(LockWaitTimeoutError);
    expect(await isLocked(secondary)).toBe(true);
    for (const key of [primary, secondary]) txn.put(utf8(key), utf8('new'));
    await s.wait(txn.commit());
    expect(await newest(secondary)).toBe('new');
  });
});

/** As when the leader that had answered a pipelined lock dies before it is on a quorum. */
async function dropLock(key: string, { startTs }: Txn): Promise<void> {
  const node = leaderOf(key)!;
  const at = locationKey('txn', utf8(key));
  const { region } = node.store!.regions().find((each) => rangeContains(each.region.range, at))!;
  const peer = findPeerOnStore(region, node.storeId!)!;
  const { path, request, response } = tinykvtxn.Txn.kvPessimisticRollback;
  const bytes = request.encode({
    context: { regionId: region.id, regionEpoch: region.epoch, peer, strict: true },
    keys: [utf8(key)],
    startVersion: startTs,
    forUpdateTs: TS_MAX - 1n,
  });
  const handler = node.store!.services().unary.get(path)!;
  const answer = await s.wait(Promise.resolve(handler(bytes, { address: 'test:0' })));
  expect(response.decode(answer).errors).toEqual([]);
  expect(await isLocked(key)).toBe(false);
}
