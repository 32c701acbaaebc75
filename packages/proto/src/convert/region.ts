import { compareBytes, copyBytes } from '@tinykv/base';
import type {
  ApiMode,
  KeyRange,
  Peer,
  Region,
  RegionEpoch,
  RequestContext,
  StoreMeta,
  StoreState,
} from '@tinykv/model';
import type { Context, ContextInit } from '../gen/kvrpcpb.js';
import * as metapb from '../gen/metapb.js';
import { ProtoError } from '../proto-error.js';

/** A missing epoch counts as 0.0, older than any Region's. */
export function epochFromWire(epoch: metapb.RegionEpoch | undefined): RegionEpoch {
  return { confVer: epoch?.confVer ?? 0, version: epoch?.version ?? 0 };
}

export function peerFromWire(peer: metapb.Peer): Peer {
  return { id: peer.id, storeId: peer.storeId, learner: peer.learner };
}

/** A leader that nobody knows comes as no peer or, where lists must stay aligned, as an empty one. */
export function leaderFromWire(peer: metapb.Peer | undefined): Peer | undefined {
  return peer === undefined || peer.id === 0 ? undefined : peerFromWire(peer);
}

/** Copies the keys, which would else keep the whole received message in memory. */
function rangeFromWire(start: Uint8Array, end: Uint8Array): KeyRange {
  if (end.length > 0 && compareBytes(start, end) >= 0) {
    throw new ProtoError('metapb.Region', 'start_key is not before end_key');
  }
  return { start: copyBytes(start), end: copyBytes(end) };
}

/** Throws ProtoError for a range that holds no key. Shares no memory with `region`. */
export function regionFromWire(region: metapb.Region): Region {
  return {
    id: region.id,
    range: rangeFromWire(region.startKey, region.endKey),
    epoch: epochFromWire(region.regionEpoch),
    peers: region.peers.map(peerFromWire),
  };
}

export function regionToWire(region: Region): metapb.RegionInit {
  return {
    id: region.id,
    startKey: region.range.start,
    endKey: region.range.end,
    regionEpoch: region.epoch,
    peers: region.peers,
  };
}

const STORE_STATES: readonly StoreState[] = ['up', 'offline', 'tombstone'];

export function storeStateFromWire(state: number): StoreState {
  const known = STORE_STATES[state];
  if (known === undefined) throw new ProtoError('metapb.Store.state', `${state} is no state`);
  return known;
}

export function storeStateToWire(state: StoreState): metapb.StoreState {
  switch (state) {
    case 'up':
      return metapb.StoreState.Up;
    case 'offline':
      return metapb.StoreState.Offline;
    case 'tombstone':
      return metapb.StoreState.Tombstone;
  }
}

export function storeFromWire(store: metapb.Store): StoreMeta {
  return {
    id: store.id,
    address: store.address,
    state: storeStateFromWire(store.state),
    ...startFromWire(store.startToken),
    ...(store.formerStartToken === 0 ? {} : { formerStartToken: store.formerStartToken }),
  };
}

/** 0 stands for a store that does not say. */
export function startFromWire(startToken: number): { readonly startToken?: number } {
  return startToken === 0 ? {} : { startToken };
}

export function storeToWire(store: StoreMeta): metapb.StoreInit {
  const { id, address, startToken = 0, formerStartToken = 0 } = store;
  return { id, address, state: storeStateToWire(store.state), startToken, formerStartToken };
}

/** A cluster that does not say so is as TinyKV's: transactional. */
export function apiFromWire(api: string): ApiMode {
  if (api === '' || api === 'txn') return 'txn';
  if (api === 'raw') return 'raw';
  throw new ProtoError('metapb.Cluster.api', `${api} is neither txn nor raw`);
}

/** A request without a context names Region 0, which no store has. */
export function contextFromWire(context: Context | undefined): RequestContext {
  const { regionId = 0, regionEpoch, peer, term = 0 } = context ?? {};
  return {
    regionId,
    epoch: regionEpoch === undefined ? undefined : epochFromWire(regionEpoch),
    peer: peer === undefined ? undefined : peerFromWire(peer),
    term,
  };
}

export function contextToWire(context: RequestContext): ContextInit {
  return {
    regionId: context.regionId,
    regionEpoch: context.epoch,
    peer: context.peer,
    term: context.term,
  };
}
