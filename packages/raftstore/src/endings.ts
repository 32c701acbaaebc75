import type { Clock } from '@tinykv/base';

/** How long a stop waits for them: a full disk keeps them from their last write. */
const WAIT_MS = 5_000;

/** The work of removing peers or putting them into quarantine. A crash in between is taken up by the next start. */
export class Endings {
  readonly #clock: Clock;
  readonly #fatal: (error: unknown) => void;
  readonly #running = new Set<Promise<void>>();

  constructor(clock: Clock, fatal: (error: unknown) => void) {
    this.#clock = clock;
    this.#fatal = fatal;
  }

  add(ending: Promise<void>): void {
    const watched = ending
      .catch((error: unknown) => this.#fatal(error))
      .finally(() => this.#running.delete(watched));
    this.#running.add(watched);
  }

  /** Resolves when none is running any more, or when that takes too long. */
  done(): Promise<void> {
    if (this.#running.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#clock.after(WAIT_MS, resolve);
      void Promise.all(this.#running).then(() => {
        timer.cancel();
        resolve();
      });
    });
  }
}
