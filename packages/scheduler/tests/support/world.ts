import { ManualClock } from '@tinykv/base/testing';
import type { Peer, Region, RegionReport, StoreMeta } from '@tinykv/model';
import { Cluster } from '../../src/cluster.js';
import { defaultSchedulerConfig } from '../../src/config.js';
import type { RegionInfo } from '../../src/policy/view.js';
import { regionInfo } from '../../src/region-index.js';
import { SchedulerState } from '../../src/state.js';

export const MIB = 1_048_576;

export function key(n: number): Uint8Array {
  return Uint8Array.of(n >>> 8, n & 0xff);
}

export function voter(id: number, storeId: number): Peer {
  return { id, storeId, learner: false };
}

/** Region `id` over [start, end) as two-byte keys; 0 stands for no bound. Peer ids are id × 10 + store. */
export function region(
  id: number,
  start: number,
  end: number,
  stores: readonly number[],
  version = 1,
  confVer = 1,
): Region {
  return {
    id,
    range: {
      start: start === 0 ? new Uint8Array(0) : key(start),
      end: end === 0 ? new Uint8Array(0) : key(end),
    },
    epoch: { version, confVer },
    peers: stores.map((storeId) => voter(id * 10 + storeId, storeId)),
  };
}

export type ReportChange = { -readonly [K in keyof RegionReport]?: RegionReport[K] };

/** The leader is the first peer unless told otherwise. */
export function report(of: Region, change: ReportChange = {}): RegionReport {
  return {
    region: of,
    leader: of.peers[0] ?? voter(0, 0),
    term: 6,
    pendingPeers: [],
    downPeers: [],
    approximateBytes: MIB,
    approximateKeys: 10,
    ...change,
  };
}

/** What comes back from the wire: the same values, other objects. */
export function again<T>(value: T): T {
  return structuredClone(value);
}

export function info(of: Region, change: ReportChange = {}): RegionInfo {
  return regionInfo(report(of, change));
}

export function upStore(id: number): StoreMeta {
  return { id, address: `127.0.0.1:${20_000 + id}`, state: 'up' };
}

export interface World {
  readonly clock: ManualClock;
  readonly state: SchedulerState;
  readonly cluster: Cluster;
}

/** A bootstrapped cluster with stores 1 … n. */
export function world(storeCount: number): World {
  const clock = new ManualClock();
  const state = new SchedulerState();
  state.apply({
    type: 'bootstrap',
    api: 'txn',
    maxPeerCount: 3,
    store: upStore(1),
    atMs: clock.wall(),
  });
  for (let id = 2; id <= storeCount; id++) state.apply({ type: 'put-store', store: upStore(id) });
  return { clock, state, cluster: new Cluster(state, clock, defaultSchedulerConfig) };
}
