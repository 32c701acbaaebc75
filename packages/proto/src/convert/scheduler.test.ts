import { composeTimestamp } from '@tinykv/base';
import type { Peer, RegionOperator, RegionReport, StoreStats } from '@tinykv/model';
import { describe, expect, test } from 'vitest';
import { ProtoError, schedulerpb } from '../index.js';
import {
  operatorFromWire,
  operatorToWire,
  reportFromWire,
  reportToWire,
  storeStatsFromWire,
  storeStatsToWire,
  timestampFromWire,
  timestampToWire,
} from './scheduler.js';

const peer: Peer = { id: 8, storeId: 1, learner: true };
const leader: Peer = { id: 9, storeId: 2, learner: false };

test('a timestamp crosses the wire as physical and logical part', () => {
  const timestamp = composeTimestamp(1_795_000_000_000, 262_143);
  expect(timestampToWire(timestamp)).toEqual({ physical: 1_795_000_000_000, logical: 262_143 });
  const encoded = schedulerpb.Timestamp.encode(timestampToWire(timestamp));
  expect(timestampFromWire(schedulerpb.Timestamp.decode(encoded))).toBe(timestamp);
});

test('a timestamp whose parts do not fit is refused', () => {
  for (const [physical, logical] of [
    [-1, 0],
    [2 ** 46, 0],
    [1, -1],
    [1, 262_144],
  ]) {
    const timestamp = schedulerpb.Timestamp.create({ physical, logical });
    expect(() => timestampFromWire(timestamp)).toThrow(ProtoError);
  }
});

test('store statistics cross the wire', () => {
  const stats: StoreStats = {
    storeId: 1,
    capacity: 2 ** 40,
    available: 2 ** 39,
    usedSize: 2 ** 38,
    regionCount: 5,
    leaderlessRegions: 2,
    sendingSnapshots: 1,
    receivingSnapshots: 2,
    applyingSnapshots: 3,
    startTime: 1_795_000_000,
    isBusy: true,
    damagedPeers: [8, 9],
  };
  const encoded = schedulerpb.StoreStats.encode(storeStatsToWire(stats));
  expect(storeStatsFromWire(schedulerpb.StoreStats.decode(encoded))).toEqual(stats);
});

describe('Region heartbeats', () => {
  const report: RegionReport = {
    region: {
      id: 7,
      range: { start: Uint8Array.of(1), end: new Uint8Array(0) },
      epoch: { confVer: 1, version: 2 },
      peers: [peer, leader],
    },
    leader,
    term: 6,
    pendingPeers: [peer],
    downPeers: [peer],
    approximateBytes: 2 ** 33,
    approximateKeys: 1000,
  };

  test('cross the wire', () => {
    const encoded = schedulerpb.RegionHeartbeatRequest.encode(reportToWire(report));
    expect(reportFromWire(schedulerpb.RegionHeartbeatRequest.decode(encoded))).toEqual(report);
  });

  test('without Region or leader say nothing', () => {
    const { RegionHeartbeatRequest } = schedulerpb;
    const wire = reportToWire(report);
    for (const lacking of [{ region: undefined }, { leader: undefined }, { leader: {} }]) {
      expect(
        reportFromWire(RegionHeartbeatRequest.create({ ...wire, ...lacking })),
      ).toBeUndefined();
    }
  });
});

describe('operators', () => {
  const head = { regionId: 7, epoch: { confVer: 1, version: 2 }, targetPeer: leader };
  const operators: readonly RegionOperator[] = [
    { ...head, type: 'add-peer', peer },
    { ...head, type: 'remove-peer', peer },
    { ...head, type: 'transfer-leader', peer },
    { ...head, type: 'split', keys: [Uint8Array.of(3), Uint8Array.of(4)] },
    { ...head, type: 'split', keys: [] },
    { ...head, targetPeer: undefined, type: 'transfer-leader', peer },
  ];

  test.each(operators)('$type crosses the wire', (operator) => {
    const encoded = schedulerpb.RegionHeartbeatResponse.encode(operatorToWire(operator));
    expect(operatorFromWire(schedulerpb.RegionHeartbeatResponse.decode(encoded))).toEqual(operator);
  });

  test('are absent from a keep-alive and from an answer without the peer', () => {
    for (const init of [{}, { changePeer: {} }, { transferLeader: {} }]) {
      expect(operatorFromWire(schedulerpb.RegionHeartbeatResponse.create(init))).toBeUndefined();
    }
  });

  test('of a kind that does not exist are refused', () => {
    const changePeer = { peer, changeType: 2 };
    const response = schedulerpb.RegionHeartbeatResponse.create({ changePeer });
    expect(() => operatorFromWire(response)).toThrow(ProtoError);
  });
});
