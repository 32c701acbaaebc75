import {
  describeKeyError,
  type KeyError,
  type LockKind,
  type Region,
  type RegionError,
} from '@tinykv/model';
import { describe, expect, test } from 'vitest';
import { errorpb, kvrpcpb } from '../index.js';
import {
  keyErrorFromWire,
  keyErrorToWire,
  regionErrorFromWire,
  regionErrorToWire,
} from './errors.js';

const key = Uint8Array.of(5);
const region: Region = {
  id: 7,
  range: { start: Uint8Array.of(1), end: Uint8Array.of(9) },
  epoch: { confVer: 3, version: 4 },
  peers: [{ id: 8, storeId: 1, learner: false }],
};
const bare: Region = { ...region, epoch: { confVer: 0, version: 0 }, peers: [] };

const regionErrors: readonly RegionError[] = [
  { type: 'not-leader', regionId: 7, leader: region.peers[0] },
  { type: 'not-leader', regionId: 7, leader: undefined },
  { type: 'region-not-found', regionId: 7 },
  { type: 'key-not-in-region', key, region: bare },
  { type: 'epoch-not-match', currentRegions: [region] },
  { type: 'epoch-not-match', currentRegions: [] },
  { type: 'stale-command' },
  { type: 'store-not-match', requestStoreId: 1, actualStoreId: 2 },
  { type: 'server-is-busy', reason: 'too many' },
  { type: 'raft-entry-too-large', regionId: 7, entryBytes: 9_000_000 },
  { type: 'other', message: 'disk on fire' },
];

const keyErrors: readonly KeyError[] = [
  ...(['put', 'delete', 'lock', 'pessimistic'] as const).map((kind) => locked(kind)),
  { type: 'conflict', startTs: 2n ** 60n, conflictTs: 2n ** 60n + 1n, key, primary: key },
  { type: 'retryable', message: 'again' },
  { type: 'abort', message: 'never' },
  {
    type: 'deadlock',
    lockTs: 2n ** 60n,
    key,
    waitChain: [
      { txn: 2n ** 60n + 1n, waitForTxn: 2n ** 60n, key },
      { txn: 2n ** 60n, waitForTxn: 2n ** 60n + 1n, key: Uint8Array.of(6) },
    ],
  },
  { type: 'commit-ts-expired', startTs: 1n, commitTs: 2n ** 60n, key, minCommitTs: 2n ** 60n + 1n },
  { type: 'primary-mismatch', key, primary: Uint8Array.of(6), startTs: 2n ** 60n + 1n },
  { type: 'below-safe-point', ts: 2n ** 60n, safePoint: 2n ** 60n + 1n },
  { type: 'lock-wait-timeout', key, lockTs: 2n ** 60n + 1n },
];

function locked(kind: LockKind): KeyError {
  const lock = { primary: key, startTs: 2n ** 60n + 1n, key, ttlMs: 3000, kind };
  const times = { forUpdateTs: 2n ** 60n + 2n, minCommitTs: 2n ** 60n + 3n };
  const secondaries = [Uint8Array.of(7), Uint8Array.of(8)];
  return { type: 'locked', lock: { ...lock, ...times, isAsyncCommit: true, secondaries } };
}

describe('Region errors', () => {
  test.each(regionErrors)('$type crosses the wire', (error) => {
    const encoded = errorpb.Error.encode(regionErrorToWire(error));
    expect(regionErrorFromWire(errorpb.Error.decode(encoded))).toEqual(error);
  });

  test('leave the message to errors that have no field in TinyKV', () => {
    const withMessage = regionErrors.filter(
      (error) => regionErrorToWire(error).message !== undefined,
    );
    expect(withMessage.map((error) => error.type)).toEqual([
      'server-is-busy',
      'raft-entry-too-large',
      'other',
    ]);
  });

  test('of a key outside its Region name id and range, as the wire has no more', () => {
    const error = errorpb.Error.create(
      regionErrorToWire({ type: 'key-not-in-region', key, region }),
    );
    expect(regionErrorFromWire(error)).toEqual({ type: 'key-not-in-region', key, region: bare });
  });
});

describe('key errors', () => {
  test.each(keyErrors)('$type crosses the wire', (error) => {
    const encoded = kvrpcpb.KeyError.encode(keyErrorToWire(error));
    expect(keyErrorFromWire(kvrpcpb.KeyError.decode(encoded))).toEqual(error);
  });

  test('that TinyKV does not know say in `abort` what they are', () => {
    const ours = keyErrors.filter(
      ({ type }) => !['locked', 'conflict', 'retryable', 'abort'].includes(type),
    );
    expect(ours).toHaveLength(5);
    for (const error of ours) expect(keyErrorToWire(error).abort).toBe(describeKeyError(error));
  });

  test('with nothing set are an abort', () => {
    expect(keyErrorFromWire(kvrpcpb.KeyError.create())).toEqual({ type: 'abort', message: '' });
  });
});
