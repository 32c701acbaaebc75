import type { Clock } from '@tinykv/base';

/** How late a deadline may be noticed, at most. */
const SWEEP_MS = 250;

/** One request's deadline. */
export class Deadline {
  /** Monotonic milliseconds. */
  readonly at: number;
  /** Undefined: it has ended, one way or the other. */
  expire: (() => void) | undefined;

  constructor(at: number, expire: () => void) {
    this.at = at;
    this.expire = expire;
  }

  /** `expire` will not be called any more. */
  end(): void {
    this.expire = undefined;
  }
}

/**
 * Deadlines that are all as far away, so in the order in which they begin: one timer serves them all.
 *
 * A plain array, and no Set: V8 links the tables that a Set outgrows, each to the next, and once one of them is in
 * the old generation all that was in later ones is kept with it until the next full collection.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  /** By time; those that have ended go with the next sweep. */
  #waiting: Deadline[] = [];
  #isSweeping = false;

  constructor(clock: Clock, timeoutMs: number) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  /** Calls `expire` when the time is over, unless the deadline has been ended before. */
  begin(startedAt: number, expire: () => void): Deadline {
    const deadline = new Deadline(startedAt + this.#timeoutMs, expire);
    this.#waiting.push(deadline);
    this.#sweepLater();
    return deadline;
  }

  #sweepLater(): void {
    if (this.#isSweeping || this.#waiting.length === 0) return;
    this.#isSweeping = true;
    this.#clock.after(Math.min(SWEEP_MS, this.#timeoutMs), () => {
      this.#isSweeping = false;
      this.#sweep(this.#clock.mono());
      this.#sweepLater();
    });
  }

  #sweep(now: number): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const deadline of waiting) {
      const { at, expire } = deadline;
      if (expire === undefined) continue;
      if (at > now) {
        this.#waiting.push(deadline);
        continue;
      }
      deadline.end();
      expire();
    }
  }
}
