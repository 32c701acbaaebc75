import type { Clock, Timer } from '@tinykv/base';

/** Work in the background that comes again and again, in steps with pauses between them. */
export class PacedRounds {
  readonly #clock: Clock;
  readonly #pollMs: number;
  readonly #round: () => Promise<void>;
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #isStopped = false;
  #wake: () => void = () => undefined;

  /** The next round begins `pollMs` after the end of one. Invariant: `round` never rejects. */
  constructor(clock: Clock, pollMs: number, round: () => Promise<void>) {
    this.#clock = clock;
    this.#pollMs = pollMs;
    this.#round = round;
  }

  /** A round looks at it between its steps. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  start(): void {
    this.#timer = this.#clock.after(this.#pollMs, () => {
      this.#running = this.#round().finally(() => {
        this.#running = undefined;
        if (!this.#isStopped) this.start();
      });
    });
  }

  /** Resolves when nothing is under way any more; a step ends first. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#wake();
    await this.#running;
  }

  pause(ms: number): Promise<void> {
    if (this.#isStopped) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#clock.after(ms, resolve);
      this.#wake = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}
