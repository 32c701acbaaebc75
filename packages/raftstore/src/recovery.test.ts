import { EMPTY_BYTES, type KvEngine, type KvEntry, utf8 } from '@tinykv/base';
import { fakeEnv } from '@tinykv/base/testing';
import { type KeyRange, type Region, RegionMap, regionStateKey } from '@tinykv/model';
import type { GroupUpdate, RaftLog, RecoveredGroup } from '@tinykv/raft';
import { expect, it } from 'vitest';
import { INITIAL_INDEX, INITIAL_TERM } from './bootstrap.js';
import type { PeerLifecycle } from './lifecycle.js';
import { encodeRegionState, type RegionLocalState } from './local-state.js';
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

function engineOf(records: readonly KvEntry[]): KvEngine {
  const pages = [records];
  return {
    iterator: () => ({
      next: () => Promise.resolve(pages.shift() ?? []),
      close: () => Promise.resolve(),
    }),
    get: () => undefined,
  } as unknown as KvEngine;
}

it('makes the logs of split children before any peer begins to write to the log', async () => {
  const events: string[] = [];
  const engine = engineOf([1, 2, 3].map(stateOf));
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

it('a tombstone takes along what a snapshot was being written to, but for what others have', async () => {
  const tombstone: RegionLocalState = {
    state: 'tombstone',
    region: { ...region(1), range: { start: utf8('a'), end: utf8('c') } },
    peerId: 10,
    appliedIndex: 0,
    appliedTerm: 0,
    snapshotFile: '',
    otherRange: { start: utf8('b'), end: utf8('z') },
  };
  const engine = engineOf([[regionStateKey(1), encodeRegionState(tombstone)]]);
  const ranges = new RegionMap<Region>();
  ranges.set({ ...region(2), range: { start: utf8('m'), end: utf8('p') } });
  const wiped: KeyRange[] = [];
  const lifecycle = {
    finishDestroy: (_: number, free: readonly KeyRange[]) => {
      wiped.push(...free);
      return Promise.resolve();
    },
  } as unknown as PeerLifecycle;
  const registry = { storeId: STORE, ranges } as unknown as PeerRegistry;
  const log = {} as RaftLog;
  await recoverPeers({ env: fakeEnv(), engine, log, registry, lifecycle }, [logOf(1)]);
  expect(wiped).toEqual([
    { start: utf8('a'), end: utf8('c') },
    { start: utf8('b'), end: utf8('m') },
    { start: utf8('p'), end: utf8('z') },
  ]);
});
