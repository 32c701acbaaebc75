import type { RegionId, StoreId, Timestamp } from '@tinykv/base';
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
  | { readonly type: 'abort'; readonly message: string };

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
