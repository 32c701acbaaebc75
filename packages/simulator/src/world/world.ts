import { errorMessage, Prng, type Rng, type Timer } from '@tinykv/base';
import { turns } from '../real/turns.js';
import { EventHeap, type SimEvent } from './heap.js';
import { KilledError } from './killed-error.js';

const LOG_LINES_KEPT = 400;

/**
 * Simulated time: a heap of events. One event runs, then all promise jobs that it set off, then the next;
 * V8 runs promise jobs in order, so nothing but the seed decides what happens (facts: FoundationDB, VOPR).
 */
export class World {
  readonly rng: Rng;
  readonly #ties: Rng;
  readonly #heap = new EventHeap();
  /** What runs when all else of this moment has: first in, first out. */
  #deferred: (() => void)[] = [];
  #deferredAt = 0;
  #now = 0;
  #seq = 0;
  #events = 0;
  #hash = 0x811c_9dc5;
  #failure: unknown;
  #lines: string[] = [];
  /** Keeps the last events for a person to read. */
  readonly #logs: boolean;

  constructor(seed: string, options: { readonly log?: boolean } = {}) {
    this.rng = new Prng(seed);
    this.#ties = this.rng.fork('ties');
    this.#logs = options.log ?? false;
  }

  /** Milliseconds since the beginning. */
  get now(): number {
    return this.#now;
  }

  /** Events so far: the order of all that happened. */
  get events(): number {
    return this.#events;
  }

  /** Of all events so far: equal for equal seeds. */
  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0');
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  /** Runs `fn` after `ms`, as an event of its own. */
  after(ms: number, label: string, fn: () => void): Timer {
    const event: SimEvent = {
      at: this.#now + Math.max(0, ms),
      tie: this.#ties.u32(),
      seq: this.#seq++,
      label,
      fn,
    };
    this.#heap.push(event);
    return {
      cancel: () => {
        event.fn = undefined;
      },
    };
  }

  /** Runs `fn` as an event after all else of this moment, in order with what else is said so. */
  atEndOfMoment(fn: () => void): void {
    this.#deferred.push(fn);
  }

  sleep(ms: number, label = 'sleep'): Promise<void> {
    return new Promise((resolve) => {
      this.after(ms, label, resolve);
    });
  }

  /** Stops the simulation: something is wrong that no checker of a history would say better. */
  fail(error: unknown): void {
    if (!(error instanceof KilledError)) this.#failure ??= error;
  }

  log(who: string, message: string, fields?: Readonly<Record<string, unknown>>): void {
    if (!this.#logs) return;
    const rest = fields === undefined ? '' : ` ${describe(fields)}`;
    this.#lines.push(`${this.#events} ${this.#now.toFixed(3)} ${who}: ${message}${rest}`);
    if (this.#lines.length > 2 * LOG_LINES_KEPT) this.#lines = this.#lines.slice(-LOG_LINES_KEPT);
  }

  /** Mixes a number into the hash: what an event carried. */
  note(value: number): void {
    this.#hash = Math.imul(this.#hash ^ value, 0x0100_0193);
  }

  /** Runs events until `done` says so, nothing is left, or `maxEvents` have run. Rejects with what failed. */
  async run(done: () => boolean, maxEvents: number = Number.POSITIVE_INFINITY): Promise<void> {
    const step = (): boolean => {
      const isOver = this.#failure !== undefined || this.#events >= maxEvents || done();
      return !isOver && this.#runOne();
    };
    await turns(step, (error) => this.fail(error));
    if (this.#failure !== undefined) throw asError(this.#failure);
  }

  /** False when there is nothing left to run. */
  #runOne(): boolean {
    const fn = this.#nextDeferred() ?? this.#nextEvent();
    if (fn === undefined) return false;
    this.#events++;
    try {
      fn();
    } catch (error) {
      this.fail(error);
    }
    return true;
  }

  #nextDeferred(): (() => void) | undefined {
    if (this.#deferredAt === this.#deferred.length) return undefined;
    if (this.#heap.peek()?.at === this.#now) return undefined;
    const fn = this.#deferred[this.#deferredAt++];
    if (this.#deferredAt === this.#deferred.length) {
      this.#deferred = [];
      this.#deferredAt = 0;
    }
    return fn;
  }

  #nextEvent(): (() => void) | undefined {
    for (;;) {
      const event = this.#heap.pop();
      if (event === undefined) return undefined;
      const { fn } = event;
      if (fn === undefined) continue;
      this.#now = event.at;
      this.note(event.seq);
      this.note(event.at * 1_000);
      return fn;
    }
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(errorMessage(error));
}

function describe(fields: Readonly<Record<string, unknown>>): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(' ');
}
