import type { Clock, Env, Gauge, Logger } from '@tinykv/base';

/** A lead that lasts is mentioned this often. */
const REPEAT_MS = 60_000;

/**
 * Says how far timestamps are ahead of the wall clock. Some seconds are ordinary after a restart, which skips what
 * was reserved; more mean that a clock was once ahead.
 */
export class TsoLead {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #gauge: Gauge;
  readonly #ordinaryMs: number;
  #warnedAt: number | undefined;

  constructor(
    { clock, logger, metrics }: Pick<Env, 'clock' | 'logger' | 'metrics'>,
    saveMs: number,
  ) {
    this.#clock = clock;
    this.#logger = logger;
    this.#gauge = metrics.gauge(
      'tinykv_scheduler_tso_ahead_seconds',
      'How far timestamps are ahead of the wall clock of this scheduler.',
    );
    this.#ordinaryMs = 2 * saveMs + 1_000;
  }

  /** Undefined: this member serves no timestamps. */
  watch(aheadMs: number | undefined): void {
    this.#gauge.set((aheadMs ?? 0) / 1000);
    const now = this.#clock.mono();
    if (aheadMs === undefined || aheadMs <= this.#ordinaryMs) {
      if (this.#warnedAt !== undefined && aheadMs !== undefined) {
        this.#logger.info('timestamps are near the wall clock again', { ahead_ms: aheadMs });
      }
      this.#warnedAt = undefined;
      return;
    }
    if (this.#warnedAt !== undefined && now - this.#warnedAt < REPEAT_MS) return;
    this.#warnedAt = now;
    this.#logger.warn('timestamps are ahead of the wall clock, which was once ahead itself', {
      ahead_ms: aheadMs,
    });
  }
}
