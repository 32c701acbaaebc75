import type { PeerId, RegionId, StoreId } from '@tinykv/base';
import { describeRange, type KeyRange } from './key-range.js';

/** `confVer` grows by one with every change of peers, `version` by one with every split or merge. */
export interface RegionEpoch {
  readonly confVer: number;
  readonly version: number;
}

/** One replica. Peer ids are never reused: a store that comes back gets a new one. */
export interface Peer {
  readonly id: PeerId;
  readonly storeId: StoreId;
  readonly learner: boolean;
}

/** A range of location keys with the Raft group that serves it. A Region without peers is not initialized. */
export interface Region {
  readonly id: RegionId;
  readonly range: KeyRange;
  readonly epoch: RegionEpoch;
  readonly peers: readonly Peer[];
}

export type StoreState = 'up' | 'offline' | 'tombstone';

export interface StoreMeta {
  readonly id: StoreId;
  /** host:port of its gRPC services. */
  readonly address: string;
  readonly state: StoreState;
  /** The start of the process that serves at the address; every start has a greater one. Absent: it does not say. */
  readonly startToken?: number;
  /** With `startToken`: the start of the same folder before this one. */
  readonly formerStartToken?: number;
}

export const INITIAL_EPOCH: RegionEpoch = { confVer: 1, version: 1 };

export function findPeerOnStore(region: Region, storeId: StoreId): Peer | undefined {
  return region.peers.find((peer) => peer.storeId === storeId);
}

export function findPeer(region: Region, peerId: PeerId): Peer | undefined {
  return region.peers.find((peer) => peer.id === peerId);
}

/** True when either part of `a` is behind `b`. */
export function isEpochStale(a: RegionEpoch, b: RegionEpoch): boolean {
  return a.version < b.version || a.confVer < b.confVer;
}

export function equalEpochs(a: RegionEpoch, b: RegionEpoch): boolean {
  return a.version === b.version && a.confVer === b.confVer;
}

export function equalPeers(a: Peer, b: Peer): boolean {
  return a.id === b.id && a.storeId === b.storeId && a.learner === b.learner;
}

export function describeRegion(region: Region): string {
  const { epoch, peers } = region;
  const list = peers.map((p) => `${p.id}@${p.storeId}${p.learner ? '(learner)' : ''}`).join(' ');
  return `region ${region.id} v${epoch.version} c${epoch.confVer} ${describeRange(region.range)} [${list}]`;
}
