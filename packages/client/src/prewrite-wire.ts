import { limits, type Timestamp } from '@tinykv/base';
import { type Init, kvrpcpb } from '@tinykv/proto';
import type { Mutation } from './txn-buffer.js';

const TTL_BASE_MS = 3_000;
const TTL_MAX_MS = 120_000;
/** TTL of 1 MiB; it grows with the square root of the size. */
const TTL_PER_MIB_MS = 6_000;
const PHASE_BASE_MS = 20_000;
const PHASE_PER_MIB_MS = 1_000;
const MIB = 1_048_576;

const OPS = { put: kvrpcpb.Op.Put, delete: kvrpcpb.Op.Del, lock: kvrpcpb.Op.Lock } as const;

/** Milliseconds for a phase of a commit that goes over all keys: the slowest store in sight takes a MiB in a second. */
export function phaseTimeoutMs(bytes: number): number {
  return PHASE_BASE_MS + (bytes / MIB) * PHASE_PER_MIB_MS;
}

/** As TinySQL's: long enough for the size, counted from the begin since that is where the clock starts. */
export function lockTtlMs(bytes: number, elapsedMs: number): number {
  const bySize = TTL_PER_MIB_MS * Math.sqrt(bytes / MIB);
  const ttl = bytes <= limits.txnBatchBytesMax ? TTL_BASE_MS : Math.max(TTL_BASE_MS, bySize);
  return Math.ceil(Math.min(TTL_MAX_MS, ttl) + elapsedMs);
}

/** `lockedAt`: the transaction has locked the key before, and this is what the lock had seen. */
export function mutationToWire(
  mutation: Mutation,
  lockedAt: Timestamp | undefined,
): Init<kvrpcpb.Mutation> {
  const { kind, key } = mutation;
  const wire = { op: OPS[kind], key, ...(lockedAt === undefined ? {} : heldAt(lockedAt)) };
  return kind === 'put' ? { ...wire, value: mutation.value } : wire;
}

function heldAt(lockedForUpdateTs: Timestamp): Init<kvrpcpb.Mutation> {
  return { isPessimisticLock: true, lockedForUpdateTs };
}
