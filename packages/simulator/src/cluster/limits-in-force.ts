import { limits } from '@tinykv/base';
import type { Limits } from './settings.js';

/** Limits in force before others took their place; to be given to {@link restoreLimits}. */
type FormerLimits = Partial<Limits>;

/**
 * Puts other limits in force, for all simulated processes at once: they are constants of the product and no setting.
 * A process runs one plan at a time, and takes the former limits back when it is over.
 */
export function enforceLimits(values: Partial<Limits>): FormerLimits {
  const names = Object.keys(values) as (keyof Limits)[];
  const former = Object.fromEntries(names.map((name) => [name, limits[name]]));
  Object.assign(limits, values);
  return former;
}

export function restoreLimits(former: FormerLimits): void {
  Object.assign(limits, former);
}
