import type { Clock, Logger } from './env.js';

/** A line that goes on being true is written again after this. */
const REPEAT_MS = 60_000;

/**
 * An operation that is tried again and again while something is away would write a line each time. The first failure of an outage is
 * logged, then one a minute with the number of failures, and one line at its end.
 */
export class OutageLog {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #message: string;
  /** The outage that lasts; monotonic milliseconds. */
  #outage: { readonly since: number; loggedAt: number; failures: number } | undefined;

  constructor(env: { readonly clock: Clock; readonly logger: Logger }, message: string) {
    this.#clock = env.clock;
    this.#logger = env.logger;
    this.#message = message;
  }

  failed(fields: Readonly<Record<string, unknown>>): void {
    const now = this.#clock.mono();
    if (this.#outage === undefined) {
      this.#outage = { since: now, loggedAt: now, failures: 1 };
      this.#logger.warn(this.#message, fields);
      return;
    }
    this.#outage.failures++;
    if (now - this.#outage.loggedAt < REPEAT_MS) return;
    this.#outage.loggedAt = now;
    this.#logger.warn(this.#message, { ...fields, failures: this.#outage.failures });
  }

  /** It has worked. */
  worked(): void {
    if (this.#outage === undefined) return;
    const { since, failures } = this.#outage;
    this.#outage = undefined;
    const lastedMs = Math.round(this.#clock.mono() - since);
    this.#logger.info(`${this.#message}: over`, { failures, lastedMs });
  }
}
