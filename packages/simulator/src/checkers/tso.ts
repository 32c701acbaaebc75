import type { Interval } from './linearizability.js';

/** `count` timestamps that were granted, the last of which is `last`. */
export interface TsoGrant extends Interval {
  readonly last: bigint;
  readonly count: number;
}
