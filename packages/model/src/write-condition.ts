import type { Timestamp } from '@tinykv/base';

/** The test that the newest committed value of a key must pass for a write to happen. */
export type WriteCondition =
  | { readonly type: 'always' }
  | { readonly type: 'absent' }
  /** The commit timestamp of the newest Put or Delete; 0: there is none. */
  | { readonly type: 'version'; readonly version: Timestamp }
  /** The value begins with one of these. */
  | { readonly type: 'head'; readonly heads: readonly Uint8Array[]; readonly orAbsent: boolean };
