import { EMPTY_BYTES, type KvEngine, KvError } from '@tinykv/base';
import { type FakeEnv, fakeEnv } from '@tinykv/base/testing';
import type { Region } from '@tinykv/model';
import { makeMessage } from '@tinykv/raft';
import type { Group } from '@tinykv/replica';
import { describe, expect, it } from 'vitest';
import type { PeerLifecycle } from './lifecycle.js';
import { encodeRegionState, encodeSnapshotHead } from './local-state.js';
import type { Peer } from './peer.js';
import { PeerRegistry } from './registry.js';
import { SafePointMark } from './safe-point.js';
import { Snapshots, type SnapshotsHost } from './snapshots.js';

const region: Region = {
  id: 3,
  range: { start: EMPTY_BYTES, end: EMPTY_BYTES },
  epoch: { confVer: 1, version: 1 },
  peers: [
    { id: 4, storeId: 1, learner: false },
    { id: 5, storeId: 2, learner: false },
  ],
};

const [from, to] = region.peers;
const metadata = { confState: {}, index: 9, term: 6 } as never;

function hostOf(env: FakeEnv, registry: PeerRegistry): SnapshotsHost {
  return {
    env,
    engine: {} as KvEngine,
    api: 'txn',
    clusterId: 7,
    bytesPerSecond: 1_000_000,
    registry,
    lifecycle: {} as PeerLifecycle,
    safePoint: SafePointMark.load({ get: () => undefined } as unknown as KvEngine),
    resolve: () => new Promise(() => undefined),
    changed: () => undefined,
    damaged: () => undefined,
  };
}

/** The reports that the core gets when a snapshot of (9, term 6), sent in term 7, has failed. */
async function reports(term: number, pendingSnapshot: number): Promise<string[]> {
  const env = fakeEnv();
  const registry = new PeerRegistry(1, 'txn');
  let fail: (error: Error) => void = () => undefined;
  const snapshots = new Snapshots({
    ...hostOf(env, registry),
    resolve: () => new Promise((_, reject) => (fail = reject)),
  });
  const told: string[] = [];
  const node = {
    term: 7,
    progressOf: () => ({ pendingSnapshot }),
    reportSnapshot: (id: number, outcome: string) => told.push(`${id} ${outcome}`),
  };
  const group = {
    node,
    destroyed: false,
    touch: () => undefined,
    keepLogBehind: () => undefined,
    releaseLog: () => undefined,
  };
  const snapshot = { data: encodeSnapshotHead(region, 0n), metadata };
  const message = makeMessage({ type: 'MsgSnap', from: 4, to: 5, term: 7, snapshot });
  const head = { regionId: 3, from: from!, to: to!, epoch: region.epoch, range: undefined };
  snapshots.send({ region, group } as unknown as Peer, { ...head, tombstone: false, message });
  node.term = term;
  fail(new Error('unknown store'));
  await env.clock.settle();
  return told;
}

describe('a snapshot of a replica whose own records are damaged', () => {
  /** The reports of the peer, and whether the view was closed. */
  async function make(stateBytes: () => Uint8Array | undefined): Promise<string[]> {
    const env = fakeEnv();
    const registry = new PeerRegistry(1, 'txn');
    const told: string[] = [];
    const view = { get: stateBytes, close: () => void told.push('closed') };
    const snapshots = new Snapshots({
      ...hostOf(env, registry),
      engine: { snapshot: () => view } as unknown as KvEngine,
      damaged: (_, reason) => void told.push(reason),
    });
    const group = { id: 3 } as unknown as Group;
    registry.peers.set(3, { group } as unknown as Peer);
    expect(snapshots.make(group)).toBeUndefined();
    expect(told).toEqual(['closed']);
    await env.clock.run(1);
    return told;
  }

  it('is not made, and the replica stops alone', async () => {
    const broken = encodeRegionState({
      state: 'normal',
      region,
      peerId: 4,
      snapshotFile: '',
      appliedIndex: 5,
      appliedTerm: 5,
    });
    broken[3]! ^= 1;
    expect(await make(() => broken)).toEqual(['closed', 'region state: checksum does not match']);
  });

  it('is not made now when they cannot be read for the moment', async () => {
    const unreadable = () => {
      throw new KvError('INTERNAL', 'engine get: input/output error');
    };
    expect(await make(unreadable)).toEqual(['closed']);
  });
});

describe('the fate of a snapshot that was sent', () => {
  it('is reported to the leadership that sent it', async () => {
    expect(await reports(7, 9)).toEqual(['5 failure']);
  });

  it('is not taken for that of a snapshot sent since, in a later term or at another index', async () => {
    expect(await reports(9, 9)).toEqual([]);
    expect(await reports(7, 12)).toEqual([]);
  });
});
