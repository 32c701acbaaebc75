import {
  ByteWriter,
  type KvEngine,
  KvError,
  ok,
  type Result,
  toHex,
  utf8,
  type WriteBatch,
} from '@tinykv/base';
import { fakeEnv } from '@tinykv/base/testing';
import { applyStateKey, type Modify, type Region, type RegionError } from '@tinykv/model';
import type { Entry } from '@tinykv/raft';
import type { ApplyWork, Group } from '@tinykv/replica';
import { describe, expect, it } from 'vitest';
import { applyData } from './apply.js';
import { addCommand, beginData } from './command.js';
import { decodeApplyState } from './local-state.js';
import { Peer } from './peer.js';
import { PeerRegistry } from './registry.js';

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
  const group = { id, isLeader: true, node, touch: () => undefined } as unknown as Group;
  return new Peer(region.peers[0]!, region, group, 0);
}

function entry(id: number, index: number): Entry {
  const put: Modify = {
    type: 'raw-put',
    cf: 'default',
    key: utf8(`${id}k${index}`),
    value: utf8('v'),
  };
  const w = new ByteWriter(64);
  beginData(w, 6, 1);
  addCommand(w, [put]);
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
      one.track(6, [{ ...waiter, unknown: () => undefined }]);
    }
    const env = fakeEnv();
    const registry = new PeerRegistry(env, 1, 'txn');
    for (const one of peers.values()) registry.add(one);
    const host = { env, engine: engine as unknown as KvEngine, api: 'txn', registry } as const;
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
