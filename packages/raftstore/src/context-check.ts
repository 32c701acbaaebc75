import { err, ok, type Result, type StoreId } from '@tinykv/base';
import {
  type ApiMode,
  locationKey,
  type Region,
  type RegionError,
  type RegionMap,
  type RequestContext,
  rangeContains,
} from '@tinykv/model';
import type { Peer } from './peer.js';

/** What the checks look things up in. */
export interface PeerDirectory {
  readonly storeId: StoreId;
  readonly api: ApiMode;
  readonly peers: ReadonlyMap<number, Peer>;
  readonly ranges: RegionMap<Region>;
}

/**
 * The checks before a request may touch a Region, in TinyKV's order: store, Region, leader, peer,
 * term, epoch version, keys.
 */
export function checkContext(
  directory: PeerDirectory,
  context: RequestContext,
  keys: readonly Uint8Array[],
): Result<Peer, RegionError> {
  const { storeId } = directory;
  if (context.peer !== undefined && context.peer.storeId !== storeId) {
    return err(other(`mismatch store id ${context.peer.storeId}, this is store ${storeId}`));
  }
  const peer = directory.peers.get(context.regionId);
  if (peer === undefined || !peer.initialized || peer.damaged) {
    return err({ type: 'region-not-found', regionId: context.regionId });
  }
  if (!peer.isLeader) return err(peer.notLeader());
  if (context.peer !== undefined && context.peer.id !== peer.meta.id) {
    return err(other(`mismatch peer id ${context.peer.id}, this is peer ${peer.meta.id}`));
  }
  if (context.term !== 0 && peer.group.node.term > context.term + 1) {
    return err({ type: 'stale-command' });
  }
  if (context.epoch === undefined) return err(other('missing region epoch'));
  if (context.epoch.version !== peer.region.epoch.version) {
    return err(epochNotMatch(directory, peer.region));
  }
  for (const key of keys) {
    const location = locationKey(directory.api, key);
    if (!rangeContains(peer.region.range, location)) {
      return err({ type: 'key-not-in-region', key, region: peer.region });
    }
  }
  return ok(peer);
}

/** The Region as it is now, and the one behind it, which a split has most likely made. */
export function epochNotMatch(directory: PeerDirectory, region: Region): RegionError {
  const { end } = region.range;
  const next = end.length === 0 ? undefined : directory.ranges.find(end);
  return { type: 'epoch-not-match', currentRegions: next ? [region, next] : [region] };
}

function other(message: string): RegionError {
  return { type: 'other', message };
}
