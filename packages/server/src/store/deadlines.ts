import type { Clock } from '@tinykv/base';

/** How late a deadline may be noticed, at most. */
const SWEEP_MS = 250;

interface Waiting {
  readonly deadline: number;
  readonly expire: () => void;
}

/** Deadlines that are all as far away, so in the order in which they begin: one timer serves them all. */
export class Deadlines {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #waiting = new Set<Waiting>();
  #isSweeping = false;

  constructor(clock: Clock, timeoutMs: number) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  /** Calls `expire` when the time is over, unless the function that it returns was called before. */
  begin(startedAt: number, expire: () => void): () => void {
    const waiting: Waiting = { deadline: startedAt + this.#timeoutMs, expire };
    this.#waiting.add(waiting);
    this.#sweepLater();
    return () => this.#waiting.delete(waiting);
  }

  #sweepLater(): void {
    if (this.#isSweeping || this.#waiting.size === 0) return;
    this.#isSweeping = true;
    this.#clock.after(Math.min(SWEEP_MS, this.#timeoutMs), () => {
      this.#isSweeping = false;
      this.#sweep(this.#clock.mono());
      this.#sweepLater();
    });
  }

  #sweep(now: number): void {
    for (const waiting of this.#waiting) {
      if (waiting.deadline > now) return;
      this.#waiting.delete(waiting);
      waiting.expire();
    }
  }
}
