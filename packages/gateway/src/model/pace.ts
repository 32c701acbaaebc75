import { type Clock, limits } from '@tinykv/base';
import { GatewayKvError } from '../kv-port.js';

/** Between the steps of work on many keys. */
export interface Pace {
  /** Lets others have their turn. Throws `unavailable` when nobody waits for the answer any more. */
  pause(): Promise<void>;
}

/** One who waits for an answer. */
export interface Waiter {
  readonly isGone: boolean;
}

/** Goes on as long as one of those for whom the work is done still waits. */
export class SharedPace implements Pace {
  readonly #clock: Clock;
  readonly #waiters: readonly Waiter[];

  constructor(clock: Clock, waiters: readonly Waiter[]) {
    this.#clock = clock;
    this.#waiters = waiters;
  }

  async pause(): Promise<void> {
    await new Promise<void>((resolve) => this.#clock.defer(resolve));
    if (!this.#waiters.every(({ isGone }) => isGone)) return;
    throw new GatewayKvError('unavailable', 'nobody waits for the answer');
  }
}

/** The pace of work that is small as it is. */
export const UNPACED: Pace = { pause: () => Promise.resolve() };

/** The items in steps of what may be done in one turn. */
export function* stepsOf<T>(items: readonly T[]): Generator<readonly T[]> {
  const step = limits.gatewayStepKeys;
  if (items.length <= step) {
    yield items;
    return;
  }
  for (let from = 0; from < items.length; from += step) yield items.slice(from, from + step);
}
