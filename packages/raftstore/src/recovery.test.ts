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

it('a vote that the next peer of a removed one has given binds it over a start', async () => {
  const tombstone: RegionLocalState = {
    state: 'tombstone',
    region: { ...region(1), range: { start: utf8('a'), end: utf8('c') } },
    peerId: 10,
    appliedIndex: 0,
    appliedTerm: 0,
    snapshotFile: '',
  };
  const engine = engineOf([[regionStateKey(1), encodeRegionState(tombstone)]]);
  const events: string[] = [];
  const lifecycle = {
    wipe: () => {
      events.push('wiped');
      return Promise.resolve();
    },
    finishDestroy: () => {
      events.push('log destroyed');
      return Promise.resolve();
    },
    addOrphan: ({ hardState }: RecoveredGroup) => {
      events.push(`vote for ${hardState.vote} in term ${hardState.term}`);
    },
  } as unknown as PeerLifecycle;
  const registry = {
    storeId: STORE,
    ranges: new RegionMap<Region>(),
  } as unknown as PeerRegistry;
  // A log that begins at nothing: its peer was made by a message after the old log had gone.
  const hardState = { term: 7, vote: 20, commit: 0 };
  const nothing = { truncated: { index: 0, term: 0 }, lastIndex: 0, durableApplied: 0 };
  const group = { ...logOf(1), ...nothing, hardState };
  const host = { env: fakeEnv(), engine, log: {} as RaftLog, registry, lifecycle };
  await recoverPeers(host, [group]);
  expect(events).toEqual(['wiped', 'vote for 20 in term 7']);
});
