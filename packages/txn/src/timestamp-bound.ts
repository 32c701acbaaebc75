import {
  composeTimestamp,
  type Env,
  errorMessage,
  maxTimestamp,
  type Timestamp,
  TS_MAX,
  TS_ZERO,
} from '@tinykv/base';

/** How far a timestamp may be ahead of the last one fetched before the scheduler is asked again. */
const AHEAD: Timestamp = composeTimestamp(3_000, 0);

/** A question to the scheduler that takes longer has no answer. */
const ANSWER_MOST_MS = 1_000;

/** `near`: granted, or soon will be; `unknown`: the scheduler does not answer. */
export type TimestampVerdict = 'near' | 'ahead' | 'unknown';

/**
 * Tells timestamps that the scheduler has granted from those that it may have granted and from those that are far
 * ahead of it. Only the first may have a say in the commit timestamps that this store chooses, and the last are
 * refused.
 */
export class TimestampBound {
  readonly #env: Pick<Env, 'clock' | 'logger'>;
  readonly #timestamp: () => Promise<Timestamp>;
  /** The highest timestamp that is known to be granted. */
  #granted: Timestamp = TS_ZERO;
  /** When it was answered: the scheduler's clock has gone on since as ours has (monotonic ms). */
  #grantedAt = 0;
  #verifying: Promise<boolean> | undefined;
  /** The last question got no answer in time. */
  #isAway = false;
  #isReturning = false;

  constructor(env: Pick<Env, 'clock' | 'logger'>, timestamp: () => Promise<Timestamp>) {
    this.#env = env;
    this.#timestamp = timestamp;
  }

  /** Whether it is known that it was granted, without asking: false for most fresh ones. */
  isGranted(ts: Timestamp): boolean {
    return ts <= this.#granted;
  }

  /** Whether it may have been granted, without asking: true for nearly all. */
  covers(ts: Timestamp): boolean {
    return ts <= this.#granted + AHEAD || ts === TS_MAX;
  }

  /** Undefined when the scheduler does not answer in time. What it returns was granted after the call. */
  fetch(): Promise<Timestamp | undefined> {
    return new Promise((resolve) => {
      const { clock, logger } = this.#env;
      const timer = clock.after(ANSWER_MOST_MS, () => {
        this.#isAway = true;
        resolve(undefined);
      });
      this.#timestamp().then(
        (ts) => {
          timer.cancel();
          this.#isAway = false;
          this.#granted = maxTimestamp(this.#granted, ts);
          this.#grantedAt = clock.mono();
          resolve(ts);
        },
        (error: unknown) => {
          timer.cancel();
          this.#isAway = true;
          logger.warn('no timestamp from the scheduler', { error: errorMessage(error) });
          resolve(undefined);
        },
      );
    });
  }

  /** As {@link fetch}, for callers that keep others waiting: while the scheduler is away they do not wait for it. */
  ask(): Promise<Timestamp | undefined> {
    if (!this.#isAway) return this.fetch();
    if (!this.#isReturning) {
      this.#isReturning = true;
      void this.fetch().finally(() => {
        this.#isReturning = false;
      });
    }
    return Promise.resolve(undefined);
  }

  /** For those that are not covered. */
  async verify(ts: Timestamp): Promise<TimestampVerdict> {
    if (!(await this.#refresh())) return 'unknown';
    return this.covers(ts) ? 'near' : 'ahead';
  }

  /** As {@link verify}; while the scheduler is away, by the time that has passed since it was heard of. */
  async verifyWrite(ts: Timestamp): Promise<TimestampVerdict> {
    const isAnswered = this.#isAway ? (await this.ask()) !== undefined : await this.#refresh();
    if (isAnswered) return this.covers(ts) ? 'near' : 'ahead';
    if (this.#granted === TS_ZERO) return 'unknown';
    const passedMs = Math.ceil(this.#env.clock.mono() - this.#grantedAt);
    return this.covers(ts - composeTimestamp(passedMs, 0)) ? 'near' : 'unknown';
  }

  /** All that ask meanwhile share the question. False: there is no answer. */
  #refresh(): Promise<boolean> {
    this.#verifying ??= this.fetch()
      .then((granted) => granted !== undefined)
      .finally(() => {
        this.#verifying = undefined;
      });
    return this.#verifying;
  }
}
