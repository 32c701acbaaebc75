import { compareBytes, err, ok, type Result } from '@tinykv/base';
import { type Region, type RegionError, rangeContains } from '@tinykv/model';
import type { PeerChange, SplitTarget } from './command.js';

/**
 * The Regions that a split makes, the parent first: it keeps its id and the lowest range. The version
 * of each grows by the number of new Regions. Refused when a key is not inside, or peers don't match.
 */
export function splitRegion(
  region: Region,
  splits: readonly SplitTarget[],
): Result<readonly Region[], RegionError> {
  const epoch = { ...region.epoch, version: region.epoch.version + splits.length };
  let start = region.range.start;
  const out: Region[] = [];
  const ids = [region.id, ...splits.map((split) => split.regionId)];
  for (let i = 0; i <= splits.length; i++) {
    const end = splits[i]?.key ?? region.range.end;
    const cut = splits[i];
    if (cut !== undefined) {
      const inside = rangeContains(region.range, cut.key) && compareBytes(cut.key, start) > 0;
      if (!inside) return err({ type: 'key-not-in-region', key: cut.key, region });
      if (cut.peerIds.length !== region.peers.length) {
        return err({ type: 'epoch-not-match', currentRegions: [region] });
      }
    }
    const source = splits[i - 1];
    const peers =
      source === undefined
        ? region.peers
        : region.peers.map((peer, at) => ({ ...peer, id: source.peerIds[at]! }));
    out.push({ id: ids[i]!, range: { start, end }, epoch, peers });
    start = end;
  }
  return ok(out);
}

/**
 * The Region after a change of one peer, or undefined when there is nothing to change: the peer is
 * there already (or no longer), or the change was decided under another conf_ver.
 */
export function changePeer(region: Region, change: PeerChange): Region | undefined {
  if (change.confVer !== region.epoch.confVer) return undefined;
  const epoch = { ...region.epoch, confVer: region.epoch.confVer + 1 };
  const known = region.peers.find((peer) => peer.storeId === change.peer.storeId);
  if (change.type === 'remove') {
    if (known === undefined || known.id !== change.peer.id) return undefined;
    return { ...region, epoch, peers: region.peers.filter((peer) => peer !== known) };
  }
  if (known === undefined) return { ...region, epoch, peers: [...region.peers, change.peer] };
  const promoted = known.id === change.peer.id && known.learner && !change.peer.learner;
  if (!promoted) return undefined;
  return {
    ...region,
    epoch,
    peers: region.peers.map((peer) => (peer === known ? change.peer : peer)),
  };
}
