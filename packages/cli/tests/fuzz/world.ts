import { type Timestamp, utf8 } from '@tinykv/base';
import type { Region } from '@tinykv/model';

/** The facts that a well-informed stranger knows of the cluster, so that requests get past the first check. */
export interface World {
  readonly clusterId: number;
  readonly storeIds: readonly number[];
  readonly storeAddresses: readonly string[];
  readonly regions: readonly { readonly region: Region; readonly leaderPeerId: number }[];
  /** Granted to the fuzzer, so that no transaction of another client has one of them. */
  readonly timestamps: readonly Timestamp[];
}

/** Keys that requests name begin with it; no other client uses such keys. */
export const FUZZ_KEYS = 'fuzz/';

/** The range that `UnsafeDestroyRange` may destroy. On the stores it is not replicated, so replicas differ in it by design. */
export const DOOMED: { readonly start: Uint8Array; readonly end: Uint8Array } = {
  start: utf8('fuzz/doomed/'),
  end: utf8('fuzz/doomed0'),
};

/** Stores that requests may register: no leader of a forged Region report may be one of them. */
export const FORGED_STORE_IDS: readonly number[] = [7_001, 7_002, 7_003, 7_004];
