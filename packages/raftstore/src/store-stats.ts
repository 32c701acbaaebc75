import type { StoreId } from '@tinykv/base';
import type { StoreStats } from '@tinykv/model';
import type { Peer } from './peer.js';

/** A peer that has known no leader for this many election timeouts announces its Region as leaderless. */
const LEADERLESS_ELECTION_TIMEOUTS = 4;

/** The parts of a store's report. */
export interface StoreFacts {
  readonly storeId: StoreId;
  readonly startTime: number;
  /** Monotonic ms. */
  readonly now: number;
  readonly electionTimeoutMs: number;
  readonly space: { readonly capacity: number; readonly available: number };
  readonly snapshots: {
    readonly sending: number;
    readonly receiving: number;
    readonly applying: number;
  };
  readonly peers: readonly Peer[];
  /** The store refuses or delays writes. */
  readonly isBusy: boolean;
}

/** The store's report of itself to the scheduler. */
export function storeStats(facts: StoreFacts): StoreStats {
  const { peers, snapshots, space } = facts;
  const usedSize = peers.reduce((sum, peer) => sum + peer.approximateBytes, 0);
  const leaderlessMs = LEADERLESS_ELECTION_TIMEOUTS * facts.electionTimeoutMs;
  const isLeaderless = (peer: Peer): boolean =>
    peer.initialized && peer.group.node.lead === 0 && facts.now - peer.ledAt > leaderlessMs;
  return {
    storeId: facts.storeId,
    capacity: space.capacity,
    available: space.available,
    usedSize: Math.round(usedSize),
    regionCount: peers.length,
    leaderlessRegions: peers.filter(isLeaderless).length,
    sendingSnapshots: snapshots.sending,
    receivingSnapshots: snapshots.receiving,
    applyingSnapshots: snapshots.applying,
    startTime: facts.startTime,
    isBusy: facts.isBusy,
    damagedPeers: peers.filter(({ damaged }) => damaged).map(({ meta }) => meta.id),
  };
}
