import { composeTimestamp, type Timestamp } from '@tinykv/base';
import type { ServiceSafePoint } from '@tinykv/model';

export interface GcView {
  readonly nowMs: number;
  /** Versions that were replaced less than this long ago are kept. 0: the safe point stays where it is. */
  readonly lifeMs: number;
  readonly bootstrappedAtMs: number;
  readonly safePoint: Timestamp;
  readonly services: ReadonlyMap<string, ServiceSafePoint>;
}

/**
 * Where the safe point ought to be: at a distance from the present, and not beyond what any living service needs.
 * Undefined: where it is. A cluster younger than its versions' life has nothing to collect.
 */
export function dueSafePoint(view: GcView): Timestamp | undefined {
  const { nowMs, lifeMs, bootstrappedAtMs, services } = view;
  const untilMs = nowMs - lifeMs;
  if (lifeMs === 0 || untilMs <= bootstrappedAtMs) return undefined;
  let safePoint = composeTimestamp(untilMs, 0);
  for (const service of services.values()) {
    const lives = service.expiresAtMs > nowMs;
    if (lives && service.safePoint < safePoint) safePoint = service.safePoint;
  }
  return safePoint > view.safePoint ? safePoint : undefined;
}
