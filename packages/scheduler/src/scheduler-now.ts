import type { Clock } from '@tinykv/base';
import type { SchedulerConfig } from './config.js';
import type { SchedulerState } from './state.js';

/**
 * The present as timestamps tell it, within a save interval: the wall clock, as long as it lies where timestamps may be
 * served now. A clock that has leapt ahead would collect what readers still need; one that is behind timestamps (which
 * were once driven by a clock that was ahead) would collect nothing, and keep locks and promises for as long as it lags.
 */
export function schedulerNowMs(
  clock: Clock,
  { tsoBoundMs }: SchedulerState,
  { tsoSaveIntervalMs }: Pick<SchedulerConfig, 'tsoSaveIntervalMs'>,
): number {
  return Math.min(Math.max(clock.wall(), tsoBoundMs - tsoSaveIntervalMs), tsoBoundMs);
}
