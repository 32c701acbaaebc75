import { limits } from '@tinykv/base';

/** A commit that waits for room. */
interface Waiter {
  state: 'waiting' | 'woken' | 'gone';
  readonly wake: () => void;
}

/**
 * What transactions leave to be done once their callers have their answers: secondary keys to commit, commits that
 * were given up, locks to give back. When there is a lot of it new commits wait before they begin, so that one which
 * does not get its turn in time is certainly not committed.
 */
export class BackgroundWork {
  readonly #running = new Set<Promise<void>>();
  /** Commits that have not ended for their callers. */
  #commits = 0;
  #whenNoCommits: (() => void) | undefined;
  readonly #waiting: Waiter[] = [];

  get hasRoom(): boolean {
    return this.#running.size < limits.clientBackgroundTxnsMax;
  }

  /** Transactions that have something to be done. */
  get size(): number {
    return this.#commits + this.#running.size;
  }

  commitBegins(): void {
    this.#commits++;
  }

  /** The work that it leaves to be done is tracked by now. */
  commitEnds(): void {
    if (--this.#commits === 0) this.#whenNoCommits?.();
  }

  /** `work` never rejects. */
  track(work: Promise<void>): void {
    const tracked = work.then(() => {
      this.#running.delete(tracked);
      if (this.hasRoom) this.#wakeOne();
    });
    this.#running.add(tracked);
  }

  /** For when there is no room. `room` resolves when there is; a caller that waits no longer calls `leave`. */
  enter(): { readonly room: Promise<void>; readonly leave: () => void } {
    let wake = (): void => undefined;
    const room = new Promise<void>((resolve) => {
      wake = resolve;
    });
    const waiter: Waiter = { state: 'waiting', wake };
    this.#waiting.push(waiter);
    const leave = (): void => {
      // Its turn is the next one's.
      if (waiter.state === 'woken' && this.hasRoom) this.#wakeOne();
      waiter.state = 'gone';
    };
    return { room, leave };
  }

  #wakeOne(): void {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      if (next.state === 'gone') continue;
      next.state = 'woken';
      next.wake();
      return;
    }
  }

  /** Waits until nothing goes on, commits included. */
  async settle(): Promise<void> {
    while (this.size > 0) {
      await Promise.all(this.#running);
      if (this.#commits === 0) continue;
      await new Promise<void>((resolve) => {
        this.#whenNoCommits = resolve;
      });
    }
  }
}
