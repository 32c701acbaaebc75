import { fromUtf8, type Timestamp, utf8 } from '@tinykv/base';
import { findPeerOnStore, locationKey, type Region, rangeContains } from '@tinykv/model';
import { kvrpcpb, type Method, tinykvpb, tinykvtxn } from '@tinykv/proto';
import { describe, expect, it } from 'vitest';
import type { StoreNode } from '../src/cluster/store-node.js';
import { Scenario } from './scenario.js';

const rpc = tinykvpb.TinyKv;
const CALLER = { address: 'test:0' };
const KEYS = ['a', 'b', 'c', 'd', 'w', 'x', 'y', 'z'];
/** Of the upper half of the keys. */
const KEY = utf8('x');
/** How long the leader's disk stalls: longer than its followers take to elect a leader of the child. */
const STALL_MS = 4_000;

function contextAt(node: StoreNode): kvrpcpb.ContextInit {
  const location = locationKey('txn', KEY);
  const region = node
    .store!.regions()
    .map((status): Region => status.region)
    .find(({ range }) => rangeContains(range, location))!;
  const peer = findPeerOnStore(region, node.storeId!)!;
  return { regionId: region.id, regionEpoch: region.epoch, peer };
}

/** A request about the key to this very store, by the Region that it takes for the key's. */
async function call<I extends object, O extends object>(
  node: StoreNode,
  method: Method<I, O>,
  request: Parameters<Method<I, O>['request']['encode']>[0],
): Promise<O> {
  const bytes = method.request.encode({ ...request, context: contextAt(node) });
  return method.response.decode(
    await node.store!.services().unary.get(method.path)!(bytes, CALLER),
  );
}

/** What is answered before anybody else can be asked; undefined: nothing yet. */
async function atOnce<O>(scenario: Scenario, answer: Promise<O>): Promise<O | undefined> {
  let answered: O | undefined;
  answer.then(
    (value) => {
      answered = value;
    },
    () => undefined,
  );
  await scenario.run(0.01);
  return answered;
}

const undo = (startVersion: Timestamp) => ({ startVersion, keys: [KEY] });

interface Split {
  readonly scenario: Scenario;
  /** Led all keys, and has the split committed but not applied. */
  readonly parent: StoreNode;
  /** Leads the upper half of the keys. */
  readonly child: StoreNode;
  /** When the transaction began that holds a lock on the key. */
  readonly lockTs: Timestamp;
  /** A timestamp at which `parent` was the last to serve a read before the split. */
  readonly readTs: Timestamp;
}

/** The leader's disk stalls once its followers have the split; they apply it and elect a leader of the child. */
async function splitWhileStalled(name: string): Promise<Split> {
  const scenario = await Scenario.start(name);
  const { node: parent } = scenario.leader();
  for (const key of KEYS)
    expect(await scenario.wait(scenario.putAt(parent, key, 'old'))).toBe('ok');
  const { scheduler } = scenario.cluster.clients[0]!.client!;
  const lockTs = await scenario.wait(scheduler.tso(1));
  const mutations = [{ op: kvrpcpb.Op.Put, key: KEY, value: utf8('locked') }];
  const locking = { mutations, primaryLock: KEY, startVersion: lockTs, lockTtl: 60_000 };
  const locked = await scenario.wait(call(parent, rpc.kvPrewrite, locking));
  expect([locked.regionError, locked.errors]).toEqual([undefined, []]);
  await scenario.run(1_500);
  expect(scenario.leader().node).toBe(parent);
  const readTs = await scenario.wait(scheduler.tso(1));
  const read = await scenario.wait(call(parent, rpc.kvGet, { key: utf8('y'), version: readTs }));
  expect(read.notFound).toBe(true);

  const others = scenario.others(parent);
  const { region, lastIndex } = scenario.peer(parent);
  void scheduler.admin.addOperator({ kind: 'split', regionId: region.id }).catch(() => undefined);
  await scenario.until('the followers have the split in their logs', () =>
    others.some((other) => scenario.peer(other).lastIndex > lastIndex),
  );
  parent.machine.disk.traits.stalledUntil = scenario.world.now + STALL_MS;
  const leads = (node: StoreNode): boolean =>
    node.store!.regions().some((s) => s.region.id !== region.id && s.role === 'StateLeader');
  await scenario.until('the child has a leader', () => others.some(leads));
  const child = others.find(leads)!;
  expect(scenario.peer(parent).role).toBe('StateLeader');
  return { scenario, parent, child, lockTs, readTs };
}

describe('a leader that has not applied its split, while the child is led elsewhere', () => {
  it.each([1, 2, 3])('answers no raw read of the lost half by its lease, run %i', async (run) => {
    const { scenario, parent, child } = await splitWhileStalled(`split raw ${run}`);
    const put = { cf: 'default', key: KEY, value: utf8('new') };
    const written = await scenario.wait(call(child, rpc.rawPut, put));
    expect([written.regionError, written.error]).toEqual([undefined, '']);
    const read = call(parent, rpc.rawGet, { cf: 'default', key: KEY });
    expect((await atOnce(scenario, read))?.value).toBeUndefined();
    // The read waits for the apply, and then for another Region than the one it was sent to.
    const answer = await scenario.wait(read);
    expect(answer.regionError?.epochNotMatch).toBeDefined();
    expect(fromUtf8(answer.value)).toBe('');
    expect(scenario.world.now).toBeGreaterThan(parent.machine.disk.traits.stalledUntil);
    const again = await scenario.wait(call(child, rpc.rawGet, { cf: 'default', key: KEY }));
    expect(fromUtf8(again.value)).toBe('new');
  });

  it('answers no command without a proposal: what it says of a lock may be over', async () => {
    const { scenario, parent, child, lockTs } = await splitWhileStalled('split settle');
    const rolledBack = await scenario.wait(call(child, rpc.kvBatchRollback, undo(lockTs)));
    expect([rolledBack.regionError, rolledBack.error]).toEqual([undefined, undefined]);
    const stranger = lockTs + 5n;
    const locking = {
      keys: [KEY],
      primaryLock: KEY,
      startVersion: stranger,
      forUpdateTs: stranger,
    };
    const asks: Record<string, Promise<{ readonly regionError: unknown }>> = {
      get: call(parent, rpc.kvGet, { key: KEY, version: stranger }),
      checkTxnStatus: call(parent, rpc.kvCheckTxnStatus, { primaryKey: KEY, lockTs }),
      commit: call(parent, rpc.kvCommit, { ...undo(stranger), commitVersion: stranger + 1n }),
      resolveLock: call(parent, rpc.kvResolveLock, { startVersion: stranger }),
      lock: call(parent, tinykvtxn.Txn.kvPessimisticLock, { ...locking, noWait: true }),
    };
    const answered: string[] = [];
    for (const [name, ask] of Object.entries(asks)) {
      if ((await atOnce(scenario, ask)) !== undefined) answered.push(name);
    }
    expect(answered).toEqual([]);
    for (const ask of Object.values(asks)) {
      expect((await scenario.wait(ask)).regionError).toBeDefined();
    }
  });

  it("commits of the child's leader lie above every read that the parent's leader has served", async () => {
    const { scenario, child, lockTs, readTs } = await splitWhileStalled('split max_ts');
    const prewrite = {
      mutations: [{ op: kvrpcpb.Op.Put, key: utf8('y'), value: utf8('new') }],
      primaryLock: utf8('y'),
      startVersion: lockTs + 1n,
      lockTtl: 1_000,
      tryOnePc: true,
    };
    const first = await scenario.wait(call(child, rpc.kvPrewrite, prewrite));
    expect([first.regionError, first.errors, first.onePcCommitTs]).toEqual([undefined, [], 0n]);
    await scenario.wait(
      call(child, rpc.kvBatchRollback, { ...undo(lockTs + 1n), keys: [utf8('y')] }),
    );
    await scenario.run(100);
    const later = { ...prewrite, startVersion: lockTs + 2n };
    const second = await scenario.wait(call(child, rpc.kvPrewrite, later));
    expect([second.regionError, second.errors]).toEqual([undefined, []]);
    expect(second.onePcCommitTs).toBeGreaterThan(readTs);
  });
});
