/** Runs a sync for many callers at once: calls that come during a round share the next one. */
export class SyncRounds {
  readonly #round: () => Promise<void>;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(round: () => Promise<void>) {
    this.#round = round;
  }

  /** Resolves after a round that began at or after this call. */
  run(): Promise<void> {
    if (this.#running === undefined) {
      this.#running = this.#round().finally(() => {
        this.#running = undefined;
      });
      return this.#running;
    }
    this.#next ??= this.#afterRunning(this.#running);
    return this.#next;
  }

  /** Resolves after the rounds that were asked for, whatever became of them. */
  async settled(): Promise<void> {
    await (this.#next ?? this.#running)?.catch(() => undefined);
  }

  async #afterRunning(running: Promise<void>): Promise<void> {
    // The failure of the round before is its callers'; this round must stand on its own.
    await running.catch(() => undefined);
    this.#next = undefined;
    await this.run();
  }
}
