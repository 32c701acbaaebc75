/**
 * Timestamps of the scheduler's oracle: `physical_ms << 18 | logical`, always beyond 2^53, so bigint
 * in every API. On disk they are 8 big-endian bytes.
 */
export type Timestamp = bigint & { readonly __flavor?: 'Timestamp' };

export const LOGICAL_BITS = 18;
/** Number of logical values in one millisecond. */
export const LOGICAL_COUNT: number = 1 << LOGICAL_BITS;

export const TS_ZERO: Timestamp = 0n;
/** The greatest timestamp: a read at it sees the newest committed version. */
export const TS_MAX: Timestamp = 0xffff_ffff_ffff_ffffn;

export function composeTimestamp(physicalMs: number, logical: number): Timestamp {
  return (BigInt(physicalMs) << BigInt(LOGICAL_BITS)) | BigInt(logical);
}

/** Milliseconds since the Unix epoch. */
export function physicalMs(ts: Timestamp): number {
  return Number(ts >> BigInt(LOGICAL_BITS));
}

export function logicalOf(ts: Timestamp): number {
  return Number(ts & BigInt(LOGICAL_COUNT - 1));
}

export function minTimestamp(a: Timestamp, b: Timestamp): Timestamp {
  return a < b ? a : b;
}

export function maxTimestamp(a: Timestamp, b: Timestamp): Timestamp {
  return a > b ? a : b;
}
