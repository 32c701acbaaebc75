/** Something outside this process that must be gone when the benchmark is over. */
export interface Resource {
  /** In good order. */
  stop(): Promise<void>;
  /** At once, when this process ends before it could. */
  kill(): void;
}

/** Whatever the benchmark has started; ends it in the opposite order, also when this process fails. */
export class Resources {
  readonly #open: Resource[] = [];
  #closing: Promise<void> | undefined;
  readonly #onExit = (): void => {
    for (const resource of this.#open.splice(0).reverse()) resource.kill();
  };

  constructor() {
    process.on('exit', this.#onExit);
  }

  get isClosed(): boolean {
    return this.#closing !== undefined;
  }

  /** Throws once everything is being ended: nothing new may begin. */
  checkOpen(): void {
    if (this.isClosed) throw new Error('the benchmark is over');
  }

  add(resource: Resource): void {
    this.checkOpen();
    this.#open.push(resource);
  }

  close(): Promise<void> {
    this.#closing ??= this.#stopAll();
    return this.#closing;
  }

  async #stopAll(): Promise<void> {
    const failures: unknown[] = [];
    for (const resource of [...this.#open].reverse()) {
      try {
        await resource.stop();
      } catch (error) {
        failures.push(error);
        resource.kill();
      }
    }
    this.#open.length = 0;
    process.off('exit', this.#onExit);
    if (failures.length > 0) throw failures[0];
  }
}
