import { describeBytes, type RegionId, type StoreId, type Timestamp } from '@tinykv/base';
import type { LockKind } from './mvcc-records.js';
import type { Peer, Region } from './region.js';

/** Why a store did not serve a request for a Region; the request had no effect. */
export type RegionError =
  | { readonly type: 'not-leader'; readonly regionId: RegionId; readonly leader: Peer | undefined }
  | { readonly type: 'region-not-found'; readonly regionId: RegionId }
  | { readonly type: 'key-not-in-region'; readonly key: Uint8Array; readonly region: Region }
  | { readonly type: 'epoch-not-match'; readonly currentRegions: readonly Region[] }
  | { readonly type: 'stale-command' }
  | {
      readonly type: 'store-not-match';
      readonly requestStoreId: StoreId;
      readonly actualStoreId: StoreId;
    }
  | { readonly type: 'server-is-busy'; readonly reason: string }
  | {
      readonly type: 'raft-entry-too-large';
      readonly regionId: RegionId;
      readonly entryBytes: number;
    }
  | { readonly type: 'other'; readonly message: string };

export interface LockInfo {
  readonly primary: Uint8Array;
  readonly startTs: Timestamp;
  readonly key: Uint8Array;
  readonly ttlMs: number;
  readonly kind: LockKind;
  readonly forUpdateTs: Timestamp;
  /** The transaction commits at or above it. */
  readonly minCommitTs: Timestamp;
  readonly isAsyncCommit: boolean;
  /** Of an async commit's primary: all its other keys; else empty. */
  readonly secondaries: readonly Uint8Array[];
}

/** One edge of the graph of transactions that wait for one another, by their starts. */
export interface WaitForEdge {
  readonly txn: Timestamp;
  readonly waitForTxn: Timestamp;
  readonly key: Uint8Array;
}

/** Why a transaction command failed on a key. */
export type KeyError =
  | { readonly type: 'locked'; readonly lock: LockInfo }
  | {
      readonly type: 'conflict';
      readonly startTs: Timestamp;
      readonly conflictTs: Timestamp;
      readonly key: Uint8Array;
      readonly primary: Uint8Array;
    }
  /** The transaction may be tried again with a new start timestamp. */
  | { readonly type: 'retryable'; readonly message: string }
  | { readonly type: 'abort'; readonly message: string }
  /** Waiting for `lockTs` would close the cycle `waitChain`; the request had no effect. */
  | {
      readonly type: 'deadlock';
      readonly lockTs: Timestamp;
      readonly key: Uint8Array;
      readonly waitChain: readonly WaitForEdge[];
    }
  /** A read has pushed the lock above the commit timestamp; a higher one will do. */
  | {
      readonly type: 'commit-ts-expired';
      readonly startTs: Timestamp;
      readonly commitTs: Timestamp;
      readonly key: Uint8Array;
      readonly minCommitTs: Timestamp;
    }
  /** The transaction locks the key, but its primary is another. */
  | {
      readonly type: 'primary-mismatch';
      readonly key: Uint8Array;
      readonly primary: Uint8Array;
      readonly startTs: Timestamp;
    }
  /** What the timestamp would see may be collected already. */
  | {
      readonly type: 'below-safe-point';
      readonly ts: Timestamp;
      readonly safePoint: Timestamp;
    }
  /** The lock stayed for as long as the request was ready to wait. */
  | { readonly type: 'lock-wait-timeout'; readonly key: Uint8Array; readonly lockTs: Timestamp };

export function describeKeyError(error: KeyError): string {
  switch (error.type) {
    case 'locked':
      return `${keyText(error.lock.key)} is locked by transaction ${error.lock.startTs}`;
    case 'conflict':
      return `${keyText(error.key)} was written at ${error.conflictTs}, after the start at ${error.startTs}`;
    case 'retryable':
    case 'abort':
      return error.message;
    case 'deadlock': {
      const chain = error.waitChain.map(({ txn, waitForTxn }) => `${txn} waits for ${waitForTxn}`);
      return `deadlock over ${keyText(error.key)}: ${chain.join(', ')}`;
    }
    case 'commit-ts-expired':
      return `${keyText(error.key)} must be committed at ${error.minCommitTs} or above, not at ${error.commitTs}`;
    case 'primary-mismatch':
      return `${keyText(error.key)} is not the primary of transaction ${error.startTs}, ${describeBytes(error.primary)} is`;
    case 'below-safe-point':
      return `timestamp ${error.ts} is below the safe point ${error.safePoint}`;
    case 'lock-wait-timeout':
      return `${keyText(error.key)} stayed locked by transaction ${error.lockTs}`;
  }
}

function keyText(key: Uint8Array): string {
  return `key ${describeBytes(key)}`;
}

export function describeRegionError(error: RegionError): string {
  switch (error.type) {
    case 'not-leader':
      return `peer is not leader of region ${error.regionId}${
        error.leader ? `, leader is peer ${error.leader.id} on store ${error.leader.storeId}` : ''
      }`;
    case 'region-not-found':
      return `region ${error.regionId} is not found`;
    case 'key-not-in-region':
      return `key is not in region ${error.region.id}`;
    case 'epoch-not-match':
      return 'epoch does not match';
    case 'stale-command':
      return 'stale command';
    case 'store-not-match':
      return `store is ${error.actualStoreId}, not ${error.requestStoreId}`;
    case 'server-is-busy':
      return `server is busy: ${error.reason}`;
    case 'raft-entry-too-large':
      return `entry of ${error.entryBytes} bytes is too large for region ${error.regionId}`;
    case 'other':
      return error.message;
  }
}
