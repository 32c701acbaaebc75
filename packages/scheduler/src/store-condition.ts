import type { StoreState } from '@tinykv/model';
import type { SchedulerConfig } from './config.js';

/** A store as PD shows it: the state that is registered, and how long the store has been silent. */
export type StoreCondition = 'up' | 'disconnected' | 'down' | 'offline' | 'tombstone';

export type ConditionLimits = Pick<SchedulerConfig, 'storeDisconnectedMs' | 'maxStoreDownTimeMs'>;

export function conditionOf(
  state: StoreState,
  silentMs: number,
  { storeDisconnectedMs, maxStoreDownTimeMs }: ConditionLimits,
): StoreCondition {
  if (state !== 'up') return state;
  if (silentMs > maxStoreDownTimeMs) return 'down';
  return silentMs > storeDisconnectedMs ? 'disconnected' : 'up';
}
