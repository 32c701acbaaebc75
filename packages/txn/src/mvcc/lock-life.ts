import { limits } from '@tinykv/base';

/**
 * How long a lock lives from its start, whatever its client has asked for: while it lives, nothing newer than its start
 * is collected anywhere. Also applied to what is read, since older builds have stored what they were told.
 */
export function boundedTtl(ttlMs: number): number {
  return Math.min(ttlMs, limits.lockTtlMsMax);
}
