import {
  compareBytes,
  type Env,
  errorMessage,
  type KvEngine,
  KvError,
  limits,
  type Timer,
} from '@tinykv/base';
import { type ApiMode, compareEnds, type KeyRange, regionRanges } from '@tinykv/model';
import { ByteRate } from './byte-rate.js';

/** A step needs room for what it writes again; with less than this many steps' the next is put off. */
const ROOM_STEPS = 4;
const NO_ROOM_PAUSE_MS = 10_000;
/** Before each step, even one that costs nothing: others go first. */
const STEP_PAUSE_MS = 1;

export interface ReclaimerHost {
  readonly env: Env;
  readonly engine: Pick<KvEngine, 'reclaim'>;
  readonly api: ApiMode;
  fatal(error: unknown): void;
}

/**
 * Gives back the disk space of ranges that have been wiped, one step at a time, oldest range first. Each step is paid
 * for before the next begins, so reads and writes have the disk most of the time. Ranges that wait are forgotten at
 * the end of the process: what is left there goes when its neighbours are written.
 */
export class SpaceReclaimer {
  readonly #host: ReclaimerHost;
  readonly #rate = new ByteRate(limits.reclaimBytesPerSecond);
  /** Ranges of the engine's keys. The first is being worked on. */
  readonly #waiting: KeyRange[] = [];
  #started = false;
  #stopped = false;
  #running: Promise<void> | undefined;
  #pause: { readonly timer: Timer; readonly over: () => void } | undefined;

  constructor(host: ReclaimerHost) {
    this.#host = host;
  }

  /** A range of location keys has lost its data, or most of it. */
  add(range: KeyRange): void {
    for (const keys of regionRanges(this.#host.api, range)) this.#queue(keys);
    this.#run();
  }

  start(): void {
    this.#started = true;
    this.#run();
  }

  /** Resolves when no step is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#pause?.timer.cancel();
    this.#pause?.over();
    await this.#running;
  }

  #queue(range: KeyRange): void {
    const last = this.#waiting.at(-1);
    if (last === undefined || this.#waiting.length < limits.reclaimRangesMax) {
      this.#waiting.push(range);
      return;
    }
    const start = compareBytes(range.start, last.start) < 0 ? range.start : last.start;
    const end = compareEnds(range.end, last.end) > 0 ? range.end : last.end;
    this.#waiting[this.#waiting.length - 1] = { start, end };
  }

  #run(): void {
    if (!this.#started || this.#stopped || this.#running !== undefined) return;
    this.#running = this.#work().then(
      () => {
        this.#running = undefined;
        // A range may have come while the work was ending.
        if (this.#waiting.length > 0) this.#run();
      },
      (error: unknown) => this.#host.fatal(error),
    );
  }

  async #work(): Promise<void> {
    const { clock } = this.#host.env;
    while (!this.#stopped) {
      const range = this.#waiting[0];
      if (range === undefined) return;
      const now = clock.mono();
      const isOver = await this.#wait(Math.max(STEP_PAUSE_MS, this.#rate.reserve(0, now) - now));
      if (!isOver) return;
      if (await this.#step(range)) continue;
      await this.#wait(NO_ROOM_PAUSE_MS);
    }
  }

  /** False when the disk has no room for it now. */
  async #step({ start, end }: KeyRange): Promise<boolean> {
    const { env, engine } = this.#host;
    const { available } = await env.fs.space();
    if (available < ROOM_STEPS * limits.reclaimStepBytes) return false;
    try {
      const { bytes, next } = await engine.reclaim(start, end, limits.reclaimStepBytes);
      this.#rate.reserve(bytes, env.clock.mono());
      if (next === undefined) this.#waiting.shift();
      else this.#waiting[0] = { start: next, end };
      return true;
    } catch (error) {
      if (!(error instanceof KvError) || error.code !== 'RESOURCE_EXHAUSTED') throw error;
      env.logger.warn('space is not given back', { error: errorMessage(error) });
      return false;
    }
  }

  /** False when the wait was cut short: the store stops. */
  async #wait(ms: number): Promise<boolean> {
    if (this.#stopped) return false;
    await new Promise<void>((over) => {
      this.#pause = { timer: this.#host.env.clock.after(ms, over), over };
    });
    this.#pause = undefined;
    return !this.#stopped;
  }
}
