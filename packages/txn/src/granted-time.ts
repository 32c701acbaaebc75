import { type Clock, type Env, physicalMs, type Timestamp } from '@tinykv/base';
import { TimestampBound } from './timestamp-bound.js';

/** A time that was heard of longer ago is asked for anew where it matters. */
const FRESH_MS = 1_000;

/**
 * The time of the scheduler's timestamps, in milliseconds: no clock of a store has a say in it, but for the time that
 * passes between two answers.
 */
export class GrantedTime {
  readonly #clock: Clock;
  readonly #bound: TimestampBound | undefined;
  #grantedMs: number | undefined;
  /** When it was asked for and when it was heard, on the store's monotonic clock: it was granted in between. */
  #askedAt = 0;
  #heardAt = 0;
  #running: Promise<boolean> | undefined;
  #next: Promise<boolean> | undefined;

  /** Without a source of timestamps it is unknown. */
  constructor(
    env: Pick<Env, 'clock' | 'logger'>,
    timestamp: (() => Promise<Timestamp>) | undefined,
  ) {
    this.#clock = env.clock;
    this.#bound = timestamp && new TimestampBound(env, timestamp);
  }

  /** At least so much, as far as is known without asking; undefined: that is too long ago to say. */
  get recent(): number | undefined {
    return this.#clock.mono() - this.#heardAt <= FRESH_MS ? this.#earliest() : undefined;
  }

  /** As {@link recent}, asking where that does not know. Undefined: the scheduler has never answered. */
  async atLeast(): Promise<number | undefined> {
    if (this.recent === undefined) await (this.#running ?? this.#ask(false));
    return this.#earliest();
  }

  /** At most so much when this was called; while the scheduler is away, by the time that has passed since it answered. */
  async atMost(): Promise<number | undefined> {
    if (await this.#askNow()) return this.#grantedMs;
    if (this.#grantedMs === undefined) return undefined;
    return this.#grantedMs + Math.ceil(this.#clock.mono() - this.#askedAt);
  }

  #earliest(): number | undefined {
    if (this.#grantedMs === undefined) return undefined;
    return this.#grantedMs + Math.floor(this.#clock.mono() - this.#heardAt);
  }

  /** By a question that begins after the call; all that call meanwhile share the next one. */
  #askNow(): Promise<boolean> {
    if (this.#running === undefined) return this.#ask(true);
    this.#next ??= this.#running.then(() => {
      this.#next = undefined;
      return this.#ask(true);
    });
    return this.#next;
  }

  #ask(isPatient: boolean): Promise<boolean> {
    this.#running = this.#question(isPatient).finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** `isPatient`: waits for a scheduler that did not answer the last time. */
  async #question(isPatient: boolean): Promise<boolean> {
    const askedAt = this.#clock.mono();
    const ts = await (isPatient ? this.#bound?.fetch() : this.#bound?.ask());
    if (ts === undefined) return false;
    this.#grantedMs = physicalMs(ts);
    this.#askedAt = askedAt;
    this.#heardAt = this.#clock.mono();
    return true;
  }
}
