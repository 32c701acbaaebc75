import { type Clock, KvError, type Timer } from '@tinykv/base';
import { Signals } from './signals.js';

/** The error of a call whose client is closed. */
export function clientClosed(): KvError {
  return new KvError('CANCELLED', 'the client is closed');
}

/** A part of a client's work that ends as a whole. At its end all that waits in it is woken, and its timers are gone. */
export class WorkScope {
  #isOver = false;
  readonly #wakes = new Set<() => void>();

  get isOver(): boolean {
    return this.#isOver;
  }

  /** For good. */
  end(): void {
    this.#isOver = true;
    for (const wake of this.#wakes) wake();
    this.#wakes.clear();
  }

  /** Throws KvError CANCELLED once it is over. */
  check(): void {
    if (this.#isOver) throw clientClosed();
  }

  /** Calls `fn` at the end, at once when it is over already, unless what it returns is called before. */
  onEnd(fn: () => void): () => void {
    if (this.#isOver) {
      fn();
      return () => undefined;
    }
    this.#wakes.add(fn);
    return () => void this.#wakes.delete(fn);
  }

  /** Calls `fn` after so long; never after the end. */
  after(clock: Clock, ms: number, fn: () => void): Timer {
    const timer = clock.after(ms, () => {
      forget();
      fn();
    });
    const forget = this.onEnd(() => timer.cancel());
    const cancel = (): void => {
      forget();
      timer.cancel();
    };
    return { cancel };
  }

  /** Resolves after so long, or at the end. */
  sleep(clock: Clock, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = clock.after(ms, () => {
        forget();
        resolve();
      });
      const forget = this.onEnd(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  /** Rejects with KvError CANCELLED at the end; `work` goes on unheeded then. */
  race<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const forget = this.onEnd(() => reject(clientClosed()));
      work.finally(forget).then(resolve, reject);
    });
  }
}

/** The two parts of a client's work: closing it ends them one after the other. */
export class ClientLife {
  readonly signals: Signals = new Signals();
  /** The scope of all that callers wait for, but commits: it ends as soon as the client is told to close. */
  readonly calls: WorkScope = new WorkScope();
  /** Commits that have begun, and what transactions leave to be done: they are given time to end. */
  readonly commits: WorkScope = new WorkScope();
}
