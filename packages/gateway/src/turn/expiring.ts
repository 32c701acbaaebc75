import { GatewayKvError } from '../kv-port.js';
import { isExpired, type Meta } from '../model/meta-codec.js';
import type { TtlClock } from '../ttl-clock.js';
import type { KeyGroup } from './key-group.js';

/** A read of a key that expires, which waits for the time. */
export interface ExpiringRead {
  readonly group: KeyGroup;
  readonly meta: Meta;
}

/**
 * The time by which to judge a key that was the newest record at some moment since `sentMono`, while the scheduler gives
 * none: alive by the upper bound, expired by the lower. Throws when it may be either.
 */
export function boundedTime(
  ttlClock: TtlClock,
  meta: Meta,
  sentMono: number,
  failure: GatewayKvError,
): number {
  const upper = ttlClock.upperAt(ttlClock.mono());
  if (upper !== undefined && !isExpired(meta, Math.ceil(upper))) return Math.ceil(upper);
  const lower = ttlClock.lowerAt(sentMono);
  if (lower !== undefined && isExpired(meta, Math.floor(lower))) return Math.floor(lower);
  const text = `whether the key has expired is not known: ${failure.message}`;
  throw new GatewayKvError('unavailable', text, { cause: failure });
}
