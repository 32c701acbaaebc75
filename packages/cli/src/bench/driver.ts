import { setTimeout as sleep } from 'node:timers/promises';
import { build, type Histogram } from 'hdr-histogram-js';

/** One operation of client `client`; a rejection counts as an error, not as a latency. */
export type Operation = (client: number, round: number) => Promise<void>;

export interface LoopOptions {
  readonly clients: number;
  readonly seconds: number;
  /** What one call counts for, when it carries several operations; default 1. */
  readonly batch?: number;
}

/** The time that loops live in. */
export interface LoopClock {
  /** Milliseconds. */
  now(): number;
  sleep(ms: number): Promise<unknown>;
}

export const LOOP_CLOCK: LoopClock = { now: () => performance.now(), sleep };

/** What a loop measured. */
export interface Measurement {
  readonly operations: number;
  readonly errors: number;
  /** The first error, for the report. */
  readonly firstError: string | undefined;
  readonly seconds: number;
  /** Microseconds of a call. */
  readonly latency: Histogram;
  /** Operations of an open loop whose time came, but no client to send them. */
  readonly unsent: number;
}

/** Counts the calls of a loop. */
export class Recorder {
  readonly #latency = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: LATENCY_MICROS_MAX,
    numberOfSignificantValueDigits: 3,
  });
  readonly #batch: number;
  readonly #clock: LoopClock;
  readonly #startedAt: number;
  #operations = 0;
  #errors = 0;
  #firstError: string | undefined;

  constructor(batch: number, clock: LoopClock) {
    this.#batch = batch;
    this.#clock = clock;
    this.#startedAt = clock.now();
  }

  /** Makes one call; its latency counts from `since` of the clock. */
  async call(operation: Operation, client: number, round: number, since: number): Promise<void> {
    try {
      await operation(client, round);
      const micros = Math.round((this.#clock.now() - since) * 1000);
      this.#latency.recordValue(Math.min(Math.max(1, micros), LATENCY_MICROS_MAX));
      this.#operations += this.#batch;
    } catch (error) {
      this.#errors++;
      this.#firstError ??= error instanceof Error ? error.message : String(error);
      // What refuses everything at once must not keep this process from anything else.
      await this.#clock.sleep(PAUSE_AFTER_ERROR_MS);
    }
  }

  finish(unsent: number): Measurement {
    return {
      operations: this.#operations,
      errors: this.#errors,
      firstError: this.#firstError,
      seconds: (this.#clock.now() - this.#startedAt) / 1000,
      latency: this.#latency,
      unsent,
    };
  }
}

const LATENCY_MICROS_MAX = 120_000_000;
const PAUSE_AFTER_ERROR_MS = 5;

/** A closed loop: each client sends its next operation when it has the answer to the last one. */
export async function runClosedLoop(
  operation: Operation,
  options: LoopOptions,
): Promise<Measurement> {
  const recorder = new Recorder(options.batch ?? 1, LOOP_CLOCK);
  const endsAt = LOOP_CLOCK.now() + options.seconds * 1000;
  const client = async (number: number): Promise<void> => {
    for (let round = 0; LOOP_CLOCK.now() < endsAt; round++) {
      await recorder.call(operation, number, round, LOOP_CLOCK.now());
    }
  };
  await Promise.all(Array.from({ length: options.clients }, (_, number) => client(number)));
  return recorder.finish(0);
}
