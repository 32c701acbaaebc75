import type { KvErrorCode } from '@tinykv/base';

/** gRPC's numbers for our codes; 0 is ok. */
const STATUSES: Readonly<Record<KvErrorCode, number>> = {
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
};

const CODES: ReadonlyMap<number, KvErrorCode> = new Map(
  Object.entries(STATUSES).map(([code, status]) => [status, code as KvErrorCode]),
);

export function grpcStatusOf(code: KvErrorCode): number {
  return STATUSES[code];
}

/** A status that we never send (ALREADY_EXISTS, ABORTED …) reads as UNKNOWN. */
export function kvErrorCodeOf(status: number): KvErrorCode {
  return CODES.get(status) ?? 'UNKNOWN';
}
