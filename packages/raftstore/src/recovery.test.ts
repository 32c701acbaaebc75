import { EMPTY_BYTES, type KvEngine, type KvEntry } from '@tinykv/base';
import { fakeEnv } from '@tinykv/base/testing';
import { type Region, regionStateKey } from '@tinykv/model';
import type { GroupUpdate, RaftLog, RecoveredGroup } from '@tinykv/raft';
import { expect, it } from 'vitest';
import { INITIAL_INDEX, INITIAL_TERM } from './bootstrap.js';
import type { PeerLifecycle } from './lifecycle.js';
import { encodeRegionState } from './local-state.js';
import { recoverPeers } from './recovery.js';
import type { PeerRegistry } from './registry.js';

const STORE = 1;

function region(id: number): Region {
  return {
    id,
    range: { start: EMPTY_BYTES, end: EMPTY_BYTES },
    epoch: { confVer: 1, version: 1 },
    peers: [{ id: id * 10, storeId: STORE, learner: false }],
  };
}

function stateOf(id: number): KvEntry {
  const position = { appliedIndex: INITIAL_INDEX, appliedTerm: INITIAL_TERM };
  const peer = { region: region(id), peerId: id * 10, snapshotFile: '' };
  return [regionStateKey(id), encodeRegionState({ state: 'normal', ...peer, ...position })];
}

function logOf(id: number): RecoveredGroup {
  const truncated = { index: INITIAL_INDEX, term: INITIAL_TERM };
  const hardState = { term: INITIAL_TERM, vote: 0, commit: INITIAL_INDEX };
  const positions = { lastIndex: INITIAL_INDEX, durableApplied: INITIAL_INDEX };
  return { group: id, hardState, truncated, ...positions, termRuns: [] };
}

it('makes the logs of split children before any peer begins to write to the log', async () => {
  const events: string[] = [];
  const pages: KvEntry[][] = [[1, 2, 3].map(stateOf)];
  const engine = {
    iterator: () => ({
      next: () => Promise.resolve(pages.shift() ?? []),
      close: () => Promise.resolve(),
    }),
    get: () => undefined,
  } as unknown as KvEngine;
  const log = {
    append: ([update]: readonly GroupUpdate[]) => {
      events.push(`log of ${update!.group}`);
      return Promise.resolve();
    },
  } as unknown as RaftLog;
  const lifecycle = {
    add: (_: unknown, { id }: Region) => {
      events.push(`peer of ${id}`);
      return { group: { storage: { preload: () => {} }, touch: () => {} } };
    },
  } as unknown as PeerLifecycle;
  const registry = { storeId: STORE } as unknown as PeerRegistry;
  // Region 2 came by a split whose log was not durable yet.
  await recoverPeers({ env: fakeEnv(), engine, log, registry, lifecycle }, [logOf(1), logOf(3)]);
  expect(events).toEqual(['log of 2', 'peer of 1', 'peer of 2', 'peer of 3']);
});
