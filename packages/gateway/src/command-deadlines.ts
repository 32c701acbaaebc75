import type { Clock, Timer } from '@tinykv/base';

/** What must be answered in time. */
export interface Bounded {
  readonly isOver: boolean;
  /** Its time is over: it answers at once. */
  expire(): void;
}

interface Entry {
  readonly deadlineMono: number;
  readonly command: Bounded;
}

/**
 * Bounds commands that all have the same time, with one timer for all of them: they expire in the order in which they
 * began. What is over leaves as soon as nothing older is in front of it.
 */
export class CommandDeadlines {
  readonly timeoutMs: number;
  readonly #clock: Clock;
  #entries: Entry[] = [];
  #first = 0;
  #timer: Timer | undefined;

  constructor(clock: Clock, timeoutMs: number) {
    this.#clock = clock;
    this.timeoutMs = timeoutMs;
  }

  /** Commands that are not answered, and those behind the oldest of them. */
  get size(): number {
    return this.#entries.length - this.#first;
  }

  /** Begins to count; returns the deadline in monotonic milliseconds. */
  add(command: Bounded): number {
    this.#dropOver();
    const deadlineMono = this.#clock.mono() + this.timeoutMs;
    this.#entries.push({ deadlineMono, command });
    this.#timer ??= this.#clock.after(this.timeoutMs, () => this.#expire());
    return deadlineMono;
  }

  /** Stops counting, at the end of the gateway. */
  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#entries = [];
    this.#first = 0;
  }

  #expire(): void {
    this.#timer = undefined;
    const now = this.#clock.mono();
    while (this.#first < this.#entries.length) {
      const { deadlineMono, command } = this.#entries[this.#first]!;
      if (!command.isOver) {
        if (deadlineMono > now) {
          this.#timer = this.#clock.after(deadlineMono - now, () => this.#expire());
          break;
        }
        command.expire();
      }
      this.#first++;
    }
    this.#compact();
  }

  #dropOver(): void {
    while (this.#first < this.#entries.length && this.#entries[this.#first]!.command.isOver) {
      this.#first++;
    }
    this.#compact();
  }

  #compact(): void {
    if (this.#first === this.#entries.length) {
      this.#entries = [];
      this.#first = 0;
    } else if (this.#first > 1_024) {
      this.#entries = this.#entries.slice(this.#first);
      this.#first = 0;
    }
  }
}
