import {
  describeKeyError,
  describeRegionError,
  type KeyError,
  type LockInfo,
  type LockKind,
  type RegionError,
} from '@tinykv/model';
import type * as errorpb from '../gen/errorpb.js';
import * as kvrpcpb from '../gen/kvrpcpb.js';
import { leaderFromWire, regionFromWire, regionToWire } from './region.js';

/** As TinyKV does it: an error that has a field of its own leaves `message` empty. */
export function regionErrorToWire(error: RegionError): errorpb.ErrorInit {
  switch (error.type) {
    case 'not-leader':
      return { notLeader: { regionId: error.regionId, leader: error.leader } };
    case 'region-not-found':
      return { regionNotFound: { regionId: error.regionId } };
    case 'key-not-in-region': {
      const { id, range } = error.region;
      return {
        keyNotInRegion: { key: error.key, regionId: id, startKey: range.start, endKey: range.end },
      };
    }
    case 'epoch-not-match':
      return { epochNotMatch: { currentRegions: error.currentRegions.map(regionToWire) } };
    case 'stale-command':
      return { staleCommand: {} };
    case 'store-not-match': {
      const { requestStoreId, actualStoreId } = error;
      return { storeNotMatch: { requestStoreId, actualStoreId } };
    }
    // These fields are ours: for a client that does not know them the message is all there is.
    case 'server-is-busy':
      return { message: describeRegionError(error), serverIsBusy: { reason: error.reason } };
    case 'raft-entry-too-large': {
      const { regionId, entryBytes } = error;
      return {
        message: describeRegionError(error),
        raftEntryTooLarge: { regionId, entrySize: entryBytes },
      };
    }
    case 'other':
      return { message: error.message };
  }
}

export function regionErrorFromWire(error: errorpb.Error): RegionError {
  if (error.notLeader !== undefined) {
    const { regionId, leader } = error.notLeader;
    return { type: 'not-leader', regionId, leader: leaderFromWire(leader) };
  }
  if (error.storeNotMatch !== undefined) {
    const { requestStoreId, actualStoreId } = error.storeNotMatch;
    return { type: 'store-not-match', requestStoreId, actualStoreId };
  }
  if (error.epochNotMatch !== undefined) {
    const currentRegions = error.epochNotMatch.currentRegions.map(regionFromWire);
    return { type: 'epoch-not-match', currentRegions };
  }
  if (error.staleCommand !== undefined) return { type: 'stale-command' };
  if (error.regionNotFound !== undefined) {
    return { type: 'region-not-found', regionId: error.regionNotFound.regionId };
  }
  if (error.keyNotInRegion !== undefined) return keyNotInRegionFromWire(error.keyNotInRegion);
  if (error.serverIsBusy !== undefined) {
    return { type: 'server-is-busy', reason: error.serverIsBusy.reason };
  }
  if (error.raftEntryTooLarge !== undefined) {
    const { regionId, entrySize } = error.raftEntryTooLarge;
    return { type: 'raft-entry-too-large', regionId, entryBytes: entrySize };
  }
  return { type: 'other', message: error.message };
}

/** The wire has the Region's id and range only: its epoch reads 0.0 and its peers are none. */
function keyNotInRegionFromWire(error: errorpb.KeyNotInRegion): RegionError {
  const { regionId: id, startKey, endKey, key } = error;
  const region = regionFromWire({ id, startKey, endKey, regionEpoch: undefined, peers: [] });
  return { type: 'key-not-in-region', key, region };
}

const LOCK_OPS: Readonly<Record<LockKind, kvrpcpb.Op>> = {
  put: kvrpcpb.Op.Put,
  delete: kvrpcpb.Op.Del,
  lock: kvrpcpb.Op.Lock,
  pessimistic: kvrpcpb.Op.PessimisticLock,
};

/** A kind that is not known reads as a put: that one is never skipped. */
function lockKind(op: number): LockKind {
  switch (op) {
    case kvrpcpb.Op.Del:
      return 'delete';
    case kvrpcpb.Op.Lock:
      return 'lock';
    case kvrpcpb.Op.PessimisticLock:
      return 'pessimistic';
    default:
      return 'put';
  }
}

export function lockFromWire(lock: kvrpcpb.LockInfo): LockInfo {
  const { primaryLock: primary, lockVersion: startTs, key, lockTtl: ttlMs } = lock;
  const { forUpdateTs, minCommitTs, useAsyncCommit: isAsyncCommit, secondaries } = lock;
  const kind = lockKind(lock.lockType);
  return {
    primary,
    startTs,
    key,
    ttlMs,
    kind,
    forUpdateTs,
    minCommitTs,
    isAsyncCommit,
    secondaries,
  };
}

export function lockToWire(lock: LockInfo): kvrpcpb.LockInfoInit {
  const { primary: primaryLock, startTs: lockVersion, key, ttlMs: lockTtl } = lock;
  const { forUpdateTs, minCommitTs, isAsyncCommit: useAsyncCommit, secondaries } = lock;
  return {
    primaryLock,
    lockVersion,
    key,
    lockTtl,
    lockType: LOCK_OPS[lock.kind],
    forUpdateTs,
    minCommitTs,
    useAsyncCommit,
    secondaries: [...secondaries],
  };
}

/** Errors of ours say in `abort` what they are, for clients that do not know their fields. */
export function keyErrorToWire(error: KeyError): kvrpcpb.KeyErrorInit {
  switch (error.type) {
    case 'locked':
      return { locked: lockToWire(error.lock) };
    case 'conflict': {
      const { startTs, conflictTs, key, primary } = error;
      return { conflict: { startTs, conflictTs, key, primary } };
    }
    case 'retryable':
      return { retryable: error.message };
    case 'abort':
      return { abort: error.message };
    case 'deadlock': {
      const { lockTs, key: lockKey, waitChain } = error;
      return {
        abort: describeKeyError(error),
        deadlock: { lockTs, lockKey, waitChain: [...waitChain] },
      };
    }
    case 'commit-ts-expired': {
      const { startTs, commitTs: attemptedCommitTs, key, minCommitTs } = error;
      const commitTsExpired = { startTs, attemptedCommitTs, key, minCommitTs };
      return { abort: describeKeyError(error), commitTsExpired };
    }
    case 'primary-mismatch': {
      const { key, primary, startTs } = error;
      return { abort: describeKeyError(error), primaryMismatch: { key, primary, startTs } };
    }
    case 'below-safe-point': {
      const { ts, safePoint } = error;
      return { abort: describeKeyError(error), belowSafePoint: { ts, safePoint } };
    }
    case 'lock-wait-timeout': {
      const { key, lockTs } = error;
      return { abort: describeKeyError(error), lockWaitTimeout: { key, lockTs } };
    }
  }
}

/** An error that has none of its fields set reads as an abort: nothing is known that would help. */
export function keyErrorFromWire(error: kvrpcpb.KeyError): KeyError {
  if (error.locked !== undefined) return { type: 'locked', lock: lockFromWire(error.locked) };
  if (error.conflict !== undefined) return { type: 'conflict', ...error.conflict };
  if (error.deadlock !== undefined) {
    const { lockTs, lockKey: key, waitChain } = error.deadlock;
    return { type: 'deadlock', lockTs, key, waitChain };
  }
  if (error.commitTsExpired !== undefined) {
    const { attemptedCommitTs: commitTs, ...rest } = error.commitTsExpired;
    return { type: 'commit-ts-expired', commitTs, ...rest };
  }
  if (error.primaryMismatch !== undefined) {
    return { type: 'primary-mismatch', ...error.primaryMismatch };
  }
  if (error.belowSafePoint !== undefined) {
    return { type: 'below-safe-point', ...error.belowSafePoint };
  }
  if (error.lockWaitTimeout !== undefined) {
    return { type: 'lock-wait-timeout', ...error.lockWaitTimeout };
  }
  if (error.retryable !== '') return { type: 'retryable', message: error.retryable };
  return { type: 'abort', message: error.abort };
}
