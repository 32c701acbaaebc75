import {
  LOOP_CLOCK,
  type LoopClock,
  type Measurement,
  type Operation,
  Recorder,
} from './driver.js';

export interface OpenLoopOptions {
  /** In flight at most. */
  readonly clients: number;
  /** Operations per second. */
  readonly rate: number;
  readonly seconds: number;
  /** The operations that one call counts for, when it carries several operations; default 1. */
  readonly batch?: number;
}

/** When the call with this number, counted from 0, shall be sent: milliseconds after the start. */
export function intendedMs(number: number, rate: number, batch = 1): number {
  return (number * batch * 1000) / rate;
}

/** How many calls have their time within the run. */
export function intendedCalls({ rate, seconds, batch = 1 }: OpenLoopOptions): number {
  return Math.ceil((rate * seconds) / batch);
}

/**
 * An open loop: operations have their times whether or not earlier ones are answered, and a latency counts
 * from the intended time. So a stall shows in all operations that it held up, not in one per client.
 * What a system is too slow for is still sent for as long again as the run, and then counted as unsent.
 * Times are kept to the millisecond of the timers.
 */
export async function runOpenLoop(
  operation: Operation,
  options: OpenLoopOptions,
  clock: LoopClock = LOOP_CLOCK,
): Promise<Measurement> {
  const { batch = 1 } = options;
  const total = intendedCalls(options);
  const recorder = new Recorder(batch, clock);
  const startedAt = clock.now();
  const givesUpAt = startedAt + 2 * options.seconds * 1000;
  let next = 0;
  const client = async (number: number): Promise<void> => {
    for (let round = 0; next < total && clock.now() < givesUpAt; round++) {
      const dueAt = startedAt + intendedMs(next++, options.rate, batch);
      const early = dueAt - clock.now();
      if (early > 0) await clock.sleep(Math.ceil(early));
      await recorder.call(operation, number, round, dueAt);
    }
  };
  await Promise.all(Array.from({ length: options.clients }, (_, number) => client(number)));
  return recorder.finish((total - next) * batch);
}
