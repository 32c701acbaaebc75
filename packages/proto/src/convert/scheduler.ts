import {
  composeTimestamp,
  LOGICAL_BITS,
  LOGICAL_COUNT,
  logicalOf,
  physicalMs,
  type Timestamp,
} from '@tinykv/base';
import type { RegionOperator, RegionReport, StoreStats } from '@tinykv/model';
import { ConfChangeType } from '../gen/eraftpb.js';
import type * as schedulerpb from '../gen/schedulerpb.js';
import { ProtoError } from '../proto-error.js';
import {
  epochFromWire,
  leaderFromWire,
  peerFromWire,
  regionFromWire,
  regionToWire,
  startFromWire,
} from './region.js';

const PHYSICAL_END = 2 ** (64 - LOGICAL_BITS);

/** Throws ProtoError when a part does not fit its bits. */
export function timestampFromWire({ physical, logical }: schedulerpb.Timestamp): Timestamp {
  if (physical < 0 || physical >= PHYSICAL_END || logical < 0 || logical >= LOGICAL_COUNT) {
    throw new ProtoError('schedulerpb.Timestamp', `${physical}, ${logical} is out of range`);
  }
  return composeTimestamp(physical, logical);
}

export function timestampToWire(timestamp: Timestamp): schedulerpb.TimestampInit {
  return { physical: physicalMs(timestamp), logical: logicalOf(timestamp) };
}

export function storeStatsFromWire(stats: schedulerpb.StoreStats): StoreStats {
  return {
    storeId: stats.storeId,
    capacity: stats.capacity,
    available: stats.available,
    usedSize: stats.usedSize,
    regionCount: stats.regionCount,
    leaderlessRegions: stats.leaderlessRegionCount,
    sendingSnapshots: stats.sendingSnapCount,
    receivingSnapshots: stats.receivingSnapCount,
    applyingSnapshots: stats.applyingSnapCount,
    startTime: stats.startTime,
    isBusy: stats.isBusy,
    damagedPeers: stats.damagedPeerIds,
    ...startFromWire(stats.startToken),
  };
}

export function storeStatsToWire(stats: StoreStats): schedulerpb.StoreStatsInit {
  return {
    storeId: stats.storeId,
    capacity: stats.capacity,
    available: stats.available,
    usedSize: stats.usedSize,
    regionCount: stats.regionCount,
    leaderlessRegionCount: stats.leaderlessRegions ?? 0,
    sendingSnapCount: stats.sendingSnapshots,
    receivingSnapCount: stats.receivingSnapshots,
    applyingSnapCount: stats.applyingSnapshots,
    startTime: stats.startTime,
    isBusy: stats.isBusy,
    damagedPeerIds: stats.damagedPeers,
    startToken: stats.startToken ?? 0,
  };
}

/** Undefined for a heartbeat that does not say which Region it is of, or who leads it. */
export function reportFromWire(
  request: schedulerpb.RegionHeartbeatRequest,
): RegionReport | undefined {
  const leader = leaderFromWire(request.leader);
  if (request.region === undefined || leader === undefined) return undefined;
  return {
    region: regionFromWire(request.region),
    leader,
    term: request.term,
    pendingPeers: request.pendingPeers.map(peerFromWire),
    downPeers: request.downPeers.map(peerFromWire),
    approximateBytes: request.approximateSize,
    approximateKeys: request.approximateKeys,
    ...startFromWire(request.startToken),
  };
}

/** All but the header. */
export function reportToWire(report: RegionReport): schedulerpb.RegionHeartbeatRequestInit {
  return {
    region: regionToWire(report.region),
    leader: report.leader,
    term: report.term,
    pendingPeers: report.pendingPeers,
    downPeers: report.downPeers,
    approximateSize: report.approximateBytes,
    approximateKeys: report.approximateKeys,
    startToken: report.startToken ?? 0,
  };
}

/** All but the header. */
export function operatorToWire(operator: RegionOperator): schedulerpb.RegionHeartbeatResponseInit {
  const { regionId, epoch: regionEpoch, targetPeer } = operator;
  const head = { regionId, regionEpoch, targetPeer };
  switch (operator.type) {
    case 'add-peer':
      return { ...head, changePeer: { peer: operator.peer, changeType: ConfChangeType.AddNode } };
    case 'remove-peer':
      return {
        ...head,
        changePeer: { peer: operator.peer, changeType: ConfChangeType.RemoveNode },
      };
    case 'transfer-leader':
      return { ...head, transferLeader: { peer: operator.peer } };
    case 'split':
      return { ...head, splitRegion: { keys: operator.keys } };
  }
}

/** Undefined for an answer that asks for nothing, such as the keep-alive. */
export function operatorFromWire(
  response: schedulerpb.RegionHeartbeatResponse,
): RegionOperator | undefined {
  const { changePeer, transferLeader, splitRegion } = response;
  const head = {
    regionId: response.regionId,
    epoch: epochFromWire(response.regionEpoch),
    targetPeer: leaderFromWire(response.targetPeer),
  };
  if (changePeer?.peer !== undefined) {
    const peer = peerFromWire(changePeer.peer);
    return { ...head, type: changeTypeFromWire(changePeer.changeType), peer };
  }
  if (transferLeader?.peer !== undefined) {
    return { ...head, type: 'transfer-leader', peer: peerFromWire(transferLeader.peer) };
  }
  if (splitRegion !== undefined) return { ...head, type: 'split', keys: splitRegion.keys };
  return undefined;
}

function changeTypeFromWire(type: number): 'add-peer' | 'remove-peer' {
  if (type === ConfChangeType.AddNode) return 'add-peer';
  if (type === ConfChangeType.RemoveNode) return 'remove-peer';
  throw new ProtoError('schedulerpb.ChangePeer.change_type', `${type} is no change`);
}
