import { composeTimestamp, errorMessage, type Logger, type Timestamp, TS_MAX } from '@tinykv/base';

/** How far a timestamp may be ahead of the last one fetched before the scheduler is asked again. */
const AHEAD: Timestamp = composeTimestamp(3_000, 0);

/** `unknown`: the scheduler does not answer. */
export type TimestampVerdict = 'granted' | 'ahead' | 'unknown';

/**
 * Tells timestamps that the scheduler may have granted from those that are far ahead of it: a read at such
 * a one would drive the commit timestamps that this store chooses to where nobody reads.
 */
export class TimestampBound {
  readonly #timestamp: () => Promise<Timestamp>;
  readonly #logger: Logger;
  #limit: Timestamp = AHEAD;
  #asking: Promise<boolean> | undefined;

  constructor(timestamp: () => Promise<Timestamp>, logger: Logger) {
    this.#timestamp = timestamp;
    this.#logger = logger;
  }

  /** True, without asking, for nearly all. */
  covers(ts: Timestamp): boolean {
    return ts <= this.#limit || ts === TS_MAX;
  }

  /** Undefined when the scheduler does not answer. What it returns was granted after the call. */
  async fetch(): Promise<Timestamp | undefined> {
    try {
      const ts = await this.#timestamp();
      if (ts + AHEAD > this.#limit) this.#limit = ts + AHEAD;
      return ts;
    } catch (error) {
      this.#logger.warn('no timestamp from the scheduler', { error: errorMessage(error) });
      return undefined;
    }
  }

  /** For those that are not covered; all that ask meanwhile share the question. */
  async verify(ts: Timestamp): Promise<TimestampVerdict> {
    this.#asking ??= this.fetch()
      .then((granted) => granted !== undefined)
      .finally(() => {
        this.#asking = undefined;
      });
    if (!(await this.#asking)) return 'unknown';
    return this.covers(ts) ? 'granted' : 'ahead';
  }
}
