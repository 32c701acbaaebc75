import { type Clock, physicalMs } from '@tinykv/base';

/** How much faster or slower than the scheduler's clock this one may run. */
const DRIFT = 0.05;

interface Anchor {
  /** Physical part of a timestamp. */
  readonly physicalMs: number;
  /** Monotonic milliseconds between which it was given out. */
  readonly sentMono: number;
  readonly receivedMono: number;
}

/**
 * Scheduler time while the scheduler is away: that of the last timestamp, carried on by monotonic time. Keys expire by
 * scheduler time, so what is known of it are bounds, which widen as long as no new timestamp comes.
 */
export class TtlClock {
  readonly #clock: Clock;
  #anchor: Anchor | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  mono(): number {
    return this.#clock.mono();
  }

  /** A timestamp that was asked for at `sentMono` has come. */
  observe(ts: bigint, sentMono: number): void {
    const at = physicalMs(ts);
    if (this.#anchor !== undefined && at < this.#anchor.physicalMs) return;
    this.#anchor = { physicalMs: at, sentMono, receivedMono: this.#clock.mono() };
  }

  /** Scheduler time at a monotonic time is not earlier; undefined: nothing is known. */
  lowerAt(mono: number): number | undefined {
    const anchor = this.#anchor;
    return anchor && anchor.physicalMs + slowed(mono - anchor.receivedMono);
  }

  /** Scheduler time at a monotonic time is not later, a millisecond of rounding included. */
  upperAt(mono: number): number | undefined {
    const anchor = this.#anchor;
    return anchor && anchor.physicalMs + 1 - slowed(anchor.sentMono - mono);
  }
}

/** The least that a span of this clock may be on the scheduler's; negative spans lie in the past. */
function slowed(ms: number): number {
  return ms * (ms > 0 ? 1 - DRIFT : 1 + DRIFT);
}
