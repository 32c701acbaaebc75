import { assert } from '../assert.js';
import type { Awaitable } from '../awaitable.js';
import type { Clock, Timer } from '../env.js';

interface Alarm {
  readonly due: number;
  readonly order: number;
  readonly fn: () => void;
}

/** How many rounds of promise jobs `settle` gives code before it takes it for idle. */
const SETTLE_ROUNDS = 128;

/**
 * A clock that stands still until it is told to move. Timers run in the order of their due time, and of
 * their creation when that is equal; what was deferred runs before time goes on.
 */
export class ManualClock implements Clock {
  #mono: number;
  #wallOffset: number;
  #nextOrder = 0;
  /** Sorted by due time, then order. */
  readonly #alarms: Alarm[] = [];
  #deferred: (() => void)[] = [];

  constructor(options: { mono?: number; wall?: number } = {}) {
    this.#mono = options.mono ?? 1_000;
    this.#wallOffset = (options.wall ?? 1_700_000_000_000) - this.#mono;
  }

  mono(): number {
    return this.#mono;
  }

  wall(): number {
    return Math.floor(this.#mono + this.#wallOffset);
  }

  after(ms: number, fn: () => void): Timer {
    const alarm: Alarm = { due: this.#mono + Math.max(0, ms), order: this.#nextOrder++, fn };
    let at = this.#alarms.length;
    while (at > 0 && this.#alarms[at - 1]!.due > alarm.due) at--;
    this.#alarms.splice(at, 0, alarm);
    return {
      cancel: (): void => {
        const index = this.#alarms.indexOf(alarm);
        if (index >= 0) this.#alarms.splice(index, 1);
      },
    };
  }

  defer(fn: () => void): void {
    this.#deferred.push(fn);
  }

  /** Number of timers that have not run. */
  get pendingTimers(): number {
    return this.#alarms.length;
  }

  /** Moves the wall clock by `ms`, forth or back; monotonic time and timers do not notice. */
  jumpWall(ms: number): void {
    this.#wallOffset += ms;
  }

  /** Runs what was deferred, and what that defers, until nothing is left. */
  runDeferred(): void {
    for (let rounds = 0; this.#deferred.length > 0; rounds++) {
      assert(rounds < 1_000_000, 'deferred functions defer each other for ever');
      const turn = this.#deferred;
      this.#deferred = [];
      for (const fn of turn) fn();
    }
  }

  /** Lets `ms` pass in one synchronous go: promise jobs run only when the caller awaits. */
  advance(ms: number): void {
    const end = this.#mono + ms;
    this.runDeferred();
    while (this.#runNextAlarm(end)) this.runDeferred();
    this.#mono = end;
  }

  /** Lets promise jobs and deferred functions run until both seem to be done. No time passes. */
  async settle(): Promise<void> {
    for (let idle = 0; idle < SETTLE_ROUNDS; idle++) {
      if (this.#deferred.length > 0) idle = 0;
      this.runDeferred();
      await Promise.resolve();
    }
  }

  /** Lets `ms` pass with everything settled between one timer and the next. */
  async run(ms: number): Promise<void> {
    const end = this.#mono + ms;
    await this.settle();
    while (this.#runNextAlarm(end)) await this.settle();
    this.#mono = end;
  }

  /** Runs until the promise is settled; fails when that takes more than `maxMs` of this clock. */
  async runUntil<T>(awaited: Awaitable<T>, maxMs = 60_000): Promise<T> {
    const promise = Promise.resolve(awaited);
    const outcome: { settled: boolean } = { settled: false };
    const mark = (): void => {
      outcome.settled = true;
    };
    promise.then(mark, mark);
    const end = this.#mono + maxMs;
    await this.settle();
    // A long chain of promise jobs may outlast one settling, with no timer to wait for.
    for (let idle = 0; !outcome.settled && idle < SETTLE_ROUNDS; idle++) {
      if (this.#runNextAlarm(end)) idle = 0;
      await this.settle();
    }
    assert(outcome.settled, () => `not settled after ${maxMs} ms`);
    return promise;
  }

  #runNextAlarm(end: number): boolean {
    const next = this.#alarms[0];
    if (next === undefined || next.due > end) return false;
    this.#alarms.shift();
    this.#mono = next.due;
    next.fn();
    return true;
  }
}
