import type { Region, StoreMeta } from '@tinykv/model';
import { expect, test } from 'vitest';
import { kvrpcpb, metapb, ProtoError } from '../index.js';
import {
  apiFromWire,
  contextFromWire,
  contextToWire,
  leaderFromWire,
  regionFromWire,
  regionToWire,
  storeFromWire,
  storeToWire,
} from './region.js';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

const region: Region = {
  id: 7,
  range: { start: bytes(1), end: bytes(2, 0) },
  epoch: { confVer: 3, version: 4 },
  peers: [
    { id: 8, storeId: 1, learner: false },
    { id: 9, storeId: 2, learner: true },
  ],
};

test('a Region crosses the wire unchanged', () => {
  const encoded = metapb.Region.encode(regionToWire(region));
  expect(regionFromWire(metapb.Region.decode(encoded))).toEqual(region);
});

test('a Region shares no memory with the message that it came in', () => {
  const encoded = metapb.Region.encode(regionToWire(region));
  const decoded = regionFromWire(metapb.Region.decode(encoded));
  encoded.fill(0xff);
  expect(decoded).toEqual(region);
});

test('a Region without epoch has epoch 0.0', () => {
  expect(regionFromWire(metapb.Region.create({ id: 1 })).epoch).toEqual({ confVer: 0, version: 0 });
});

test('a Region whose range holds no key is refused, an open end is not', () => {
  const withRange = (startKey: Uint8Array, endKey: Uint8Array): Region =>
    regionFromWire(metapb.Region.create({ id: 1, startKey, endKey }));
  expect(() => withRange(bytes(2), bytes(2))).toThrow(ProtoError);
  expect(() => withRange(bytes(2, 0), bytes(2))).toThrow(ProtoError);
  expect(withRange(bytes(2), bytes()).range.end).toHaveLength(0);
});

test('an absent leader and an empty one are no leader', () => {
  expect(leaderFromWire(undefined)).toBeUndefined();
  expect(leaderFromWire(metapb.Peer.create())).toBeUndefined();
  expect(leaderFromWire(metapb.Peer.create({ id: 1, storeId: 2 }))).toEqual({
    id: 1,
    storeId: 2,
    learner: false,
  });
});

test.each(['up', 'offline', 'tombstone'] as const)(
  'a store that is %s crosses the wire',
  (state) => {
    const store: StoreMeta = { id: 4, address: '127.0.0.1:20160', state };
    expect(storeFromWire(metapb.Store.decode(metapb.Store.encode(storeToWire(store))))).toEqual(
      store,
    );
  },
);

test('a store in a state that does not exist is refused', () => {
  for (const state of [3, -1]) {
    expect(() => storeFromWire(metapb.Store.create({ state }))).toThrow(ProtoError);
  }
});

test('a cluster that names no API is transactional', () => {
  expect(['', 'txn', 'raw'].map(apiFromWire)).toEqual(['txn', 'txn', 'raw']);
  expect(() => apiFromWire('sql')).toThrow(ProtoError);
});

test('a context crosses the wire, with and without its parts', () => {
  const full = { regionId: 1, epoch: region.epoch, peer: region.peers[1], term: 9 };
  const empty = { regionId: 0, epoch: undefined, peer: undefined, term: 0 };
  for (const context of [full, empty]) {
    const encoded = kvrpcpb.Context.encode(contextToWire(context));
    expect(contextFromWire(kvrpcpb.Context.decode(encoded))).toEqual(context);
  }
  expect(contextFromWire(undefined)).toEqual(empty);
});
