import type { AbortSignalLike } from './abort.js';

/** One signal for many calls: it is listened to once, however many of them are under way. */
class SharedSignal implements AbortSignalLike {
  readonly #signal: AbortSignalLike;
  readonly #listeners = new Set<() => void>();
  readonly #onAbort = (): void => {
    for (const listener of this.#listeners) listener();
    this.#listeners.clear();
  };

  constructor(signal: AbortSignalLike) {
    this.#signal = signal;
  }

  get aborted(): boolean {
    return this.#signal.aborted;
  }

  get reason(): unknown {
    return this.#signal.reason;
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    if (this.#listeners.size === 0) this.#signal.addEventListener('abort', this.#onAbort);
    this.#listeners.add(listener);
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    if (!this.#listeners.delete(listener) || this.#listeners.size > 0) return;
    this.#signal.removeEventListener('abort', this.#onAbort);
  }
}

/** Node warns of a leak when more than ten calls listen to one signal by themselves. */
export class Signals {
  readonly #shared = new WeakMap<AbortSignalLike, SharedSignal>();

  share(signal: AbortSignalLike | undefined): AbortSignalLike | undefined {
    if (signal === undefined || signal instanceof SharedSignal) return signal;
    let shared = this.#shared.get(signal);
    if (shared === undefined) {
      shared = new SharedSignal(signal);
      this.#shared.set(signal, shared);
    }
    return shared;
  }
}
