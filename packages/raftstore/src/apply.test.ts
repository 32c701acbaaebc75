import {
  ByteWriter,
  EMPTY_BYTES,
  type KvEngine,
  KvError,
  limits,
  MemoryBudget,
  ok,
  type Result,
  toHex,
  utf8,
  type WriteBatch,
} from '@tinykv/base';
import { fakeEnv } from '@tinykv/base/testing';
import {
  applyStateKey,
  type Modify,
  type Region,
  type RegionError,
  safePointKey,
} from '@tinykv/model';
import type { Entry } from '@tinykv/raft';
import type { ApplyWork, Group } from '@tinykv/replica';
import { describe, expect, it } from 'vitest';
import { applyData } from './apply.js';
import { addCommand, beginData } from './command.js';
import { decodeApplyState } from './local-state.js';
import { Peer } from './peer.js';
import { PeerRegistry } from './registry.js';
import { SafePointMark, storedSafePoint } from './safe-point.js';

/** Keeps the batches that are written, or refuses them. */
class BatchEngine {
  readonly batches: Map<string, Uint8Array>[] = [];
  failure: KvError | undefined;
  readonly #open: Map<string, Uint8Array>[] = [];

  batch(): WriteBatch {
    const puts = new Map<string, Uint8Array>();
    this.#open.push(puts);
    return {
      count: 0,
      bytes: 0,
      put: (key, value) => void puts.set(toHex(key), value.slice()),
      delete: (key) => void puts.set(toHex(key), new Uint8Array(0)),
    };
  }

  async write(): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    this.batches.push(...this.#open.splice(0));
  }
}

function peer(id: number, term: number): Peer {
  const region: Region = {
    id,
    range: { start: utf8(`${id}`), end: utf8(`${id + 1}`) },
    epoch: { confVer: 1, version: 1 },
    peers: [{ id: 10 + id, storeId: 1, learner: false }],
  };
  let index = 5;
  const node = { term, lead: 10 + id, propose: () => ok(++index) };
  const budget = new MemoryBudget(limits.storeMemoryBytesMax);
  const group = { id, isLeader: true, node, touch: () => undefined, budget } as unknown as Group;
  return new Peer(region.peers[0]!, region, group, 0);
}

function entry(id: number, index: number, ...more: readonly Modify[]): Entry {
  const put: Modify = {
    type: 'raw-put',
    cf: 'default',
    key: utf8(`${id}k${index}`),
    value: utf8('v'),
  };
  const w = new ByteWriter(64);
  beginData(w, 6, 1);
  addCommand(w, [put, ...more]);
  return { term: 6, index, type: 'EntryNormal', data: w.finish().slice() };
}

describe('apply_index_atomic_with_data', () => {
  const start = (): {
    engine: BatchEngine;
    answers: Result<void, RegionError>[];
    run: () => Promise<void>;
  } => {
    const engine = new BatchEngine();
    const answers: Result<void, RegionError>[] = [];
    const peers = new Map([1, 2].map((id) => [id, peer(id, 6)]));
    const work: ApplyWork[] = [...peers].map(([id, { group }]) => ({
      group,
      entries: [entry(id, 6), entry(id, 7)],
    }));
    for (const one of peers.values()) {
      const waiter = { done: (result: Result<void, RegionError>) => answers.push(result) };
      one.propose(EMPTY_BYTES, [{ ...waiter, unknown: () => undefined }]);
    }
    const env = fakeEnv();
    const registry = new PeerRegistry(1, 'txn');
    for (const one of peers.values()) registry.add(one);
    const safePoint = SafePointMark.load({ get: () => undefined } as unknown as KvEngine);
    const parts = { env, engine: engine as unknown as KvEngine, registry, safePoint };
    const host = { ...parts, api: 'txn' } as const;
    const run = (): Promise<void> => applyData(host, work);
    return { engine, answers, run };
  };

  it('one batch carries the data of each Region and the index that covers it', async () => {
    const { engine, answers, run } = start();
    await run();
    expect(engine.batches).toHaveLength(1);
    const [batch] = engine.batches;
    for (const id of [1, 2]) {
      const state = batch!.get(toHex(applyStateKey(id)));
      expect(decodeApplyState(state!)).toEqual({ index: 7, term: 6 });
      const data = [...batch!.keys()].filter((key) => key.includes(toHex(utf8(`${id}k`))));
      expect(data).toHaveLength(2);
    }
    expect(batch!.size).toBe(6);
    expect(answers).toEqual([ok(undefined), ok(undefined)]);
  });

  it('nobody is answered for a batch that is not written', async () => {
    const { engine, answers, run } = start();
    engine.failure = new KvError('INTERNAL', 'input/output error');
    await expect(run()).rejects.toThrow('input/output error');
    expect(answers).toEqual([]);
  });
});

describe('the safe point of a store', () => {
  const collect = (safePoint: bigint): Modify => {
    const nothing = { rollbacks: [], values: [], newest: false };
    return { type: 'collect', key: utf8('1a'), safePoint, writes: [3n], ...nothing };
  };
  const apply = async (mark: SafePointMark, ...safePoints: bigint[]): Promise<BatchEngine> => {
    const engine = new BatchEngine();
    const env = fakeEnv();
    const registry = new PeerRegistry(1, 'txn');
    const one = peer(1, 6);
    registry.add(one);
    const parts = { env, engine: engine as unknown as KvEngine, registry, safePoint: mark };
    const entries = safePoints.map((safePoint, i) => entry(1, 6 + i, collect(safePoint)));
    for (const each of entries) {
      const written = applyData({ ...parts, api: 'txn' }, [{ group: one.group, entries: [each] }]);
      // Readers are refused before the removal is in the engine.
      expect(mark.value).toBeGreaterThanOrEqual(safePoints[0]!);
      await written;
    }
    return engine;
  };
  const fresh = (): SafePointMark =>
    SafePointMark.load({ get: () => undefined } as unknown as KvEngine);
  const stored = (batch: Map<string, Uint8Array>): bigint =>
    storedSafePoint({ get: () => batch.get(toHex(safePointKey)) } as unknown as KvEngine);

  it('is in every batch that removes something for its sake, at the highest that was heard of', async () => {
    const { batches } = await apply(fresh(), 10n, 30n, 20n);
    expect(batches.map(stored)).toEqual([10n, 30n, 30n]);
  });

  it('outlives the process, and refuses to be guessed when it is damaged', async () => {
    const [batch] = (await apply(fresh(), 10n)).batches;
    const bytes = batch!.get(toHex(safePointKey))!;
    const engine = { get: () => bytes } as unknown as KvEngine;
    expect(SafePointMark.load(engine).value).toBe(10n);
    bytes[3]! ^= 1;
    expect(() => SafePointMark.load(engine)).toThrow(KvError);
  });

  it('may be raised ahead of any collection', () => {
    const mark = fresh();
    mark.raise(9n);
    mark.raise(4n);
    expect(mark.value).toBe(9n);
  });
});
