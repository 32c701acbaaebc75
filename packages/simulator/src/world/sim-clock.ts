import type { Clock, Timer } from '@tinykv/base';
import type { SimProcess } from './sim-proc.js';

/** Wall time at the beginning of every simulation: 2026-01-01. */
const EPOCH = 1_767_225_600_000;

/** The clock of one machine: it may run fast or slow, and its wall time may jump. It outlives processes. */
export class MachineClock {
  /** Monotonic milliseconds per simulated one. */
  #rate = 1;
  #monoBase: number;
  #since = 0;
  #wallOffset = 0;

  constructor(monoBase: number) {
    this.#monoBase = monoBase;
  }

  get rate(): number {
    return this.#rate;
  }

  mono(now: number): number {
    return this.#monoBase + (now - this.#since) * this.#rate;
  }

  wall(now: number): number {
    return Math.floor(EPOCH + now + this.#wallOffset);
  }

  /** From now on the clock runs at `rate`; what it shows does not jump. */
  drift(now: number, rate: number): void {
    this.#monoBase = this.mono(now);
    this.#since = now;
    this.#rate = rate;
  }

  jumpWall(ms: number): void {
    this.#wallOffset += ms;
  }
}

/** A process's view of its machine's clock. */
export class SimClock implements Clock {
  readonly #proc: SimProcess;
  readonly #machine: MachineClock;

  constructor(proc: SimProcess, machine: MachineClock) {
    this.#proc = proc;
    this.#machine = machine;
  }

  mono(): number {
    return this.#machine.mono(this.#proc.world.now);
  }

  wall(): number {
    return this.#machine.wall(this.#proc.world.now);
  }

  after(ms: number, fn: () => void): Timer {
    return this.#proc.after(Math.max(0, ms) / this.#machine.rate, 'timer', fn);
  }

  defer(fn: () => void): void {
    this.#proc.defer(fn);
  }
}
