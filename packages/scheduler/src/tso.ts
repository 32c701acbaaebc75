import { assert, composeTimestamp, LOGICAL_COUNT, type Timestamp } from '@tinykv/base';

/** Physical time moves on its own once this many logical values of a millisecond are used. */
const LOGICAL_HIGH = LOGICAL_COUNT / 2;
/**
 * How fast physical time goes on its own, while the wall clock is behind. A little slower than time itself: so it
 * comes back to the wall clock, and what each restart adds (up to a save interval) is gone after a few minutes.
 */
const OWN_RATE = 63 / 64;
/** How far demand alone may drive physical time ahead of the clocks: about what a tick takes over. */
const DEMAND_AHEAD_MS = 50;

/** Both clocks at one moment. */
export interface TsoTime {
  /** Milliseconds since the Unix epoch; jumps. */
  readonly wallMs: number;
  /** Never jumps. */
  readonly monoMs: number;
}

/**
 * The oracle of one leadership, as a value: no clock, no disk, no promise. Physical time follows the wall clock
 * while that is ahead; while it is behind, physical time goes on by elapsed monotonic time, so that nothing that is
 * counted by it (TTLs of keys and of locks) ever stands still.
 *
 * Invariant: every timestamp served is greater than all before it, and its physical part is below a
 * bound that is saved in the replicated state. A successor begins above that bound, so nothing repeats
 * or goes back over a restart, a change of leader or a jump of the clock; at worst time jumps ahead by
 * what was saved and not used.
 */
export class TsoOracle {
  readonly #saveIntervalMs: number;
  #physicalMs: number;
  /** Monotonic time at which physical time, without what demand has added, was `ownBaseMs` exactly. */
  #monoMs: number;
  #ownBaseMs: number;
  /** The next free logical value of `physicalMs`. */
  #logical = 0;
  #boundMs: number;

  /** `savedBoundMs` is what the state holds when the leadership begins: nothing is served under it. */
  constructor(savedBoundMs: number, { wallMs, monoMs }: TsoTime, saveIntervalMs: number) {
    this.#physicalMs = Math.max(wallMs, savedBoundMs + 1);
    this.#monoMs = monoMs;
    this.#ownBaseMs = this.#physicalMs;
    this.#boundMs = savedBoundMs;
    this.#saveIntervalMs = saveIntervalMs;
  }

  get physicalMs(): number {
    return this.#physicalMs;
  }

  /** How far timestamps are ahead of the wall clock. */
  aheadMs({ wallMs }: TsoTime): number {
    return Math.max(0, this.#physicalMs - wallMs);
  }

  /** Physical time as it would be without the wall clock and without demand, with fractions. */
  #ownMs({ monoMs }: TsoTime): number {
    return this.#ownBaseMs + Math.max(0, monoMs - this.#monoMs) * OWN_RATE;
  }

  /** The bound to save next, or undefined while half of the interval is left. */
  wantedBound(time: TsoTime): number | undefined {
    const ahead = Math.max(time.wallMs, Math.floor(this.#ownMs(time)));
    if (this.#boundMs - ahead > this.#saveIntervalMs / 2) return undefined;
    return ahead + this.#saveIntervalMs;
  }

  /** The bound is applied: timestamps below it may be served. */
  onSaved(boundMs: number): void {
    this.#boundMs = Math.max(this.#boundMs, boundMs);
  }

  /**
   * To be called every 50 ms: takes over a wall clock that is ahead, and goes on by itself beside one that is
   * behind; physical time also moves by a millisecond once half of its logical values are used.
   */
  tick(time: TsoTime): void {
    const { wallMs, monoMs } = time;
    const ownMs = this.#ownMs(time);
    const nowMs = Math.max(wallMs, Math.floor(ownMs));
    let next = this.#physicalMs;
    if (nowMs - this.#physicalMs > 1) next = nowMs;
    else if (this.#logical > LOGICAL_HIGH) next = this.#physicalMs + 1;
    // Past the bound nothing moves before the save that it causes; the time that this takes is not lost.
    if (next === this.#physicalMs || next >= this.#boundMs) return;
    this.#physicalMs = next;
    this.#logical = 0;
    if (next > ownMs && next !== wallMs) return;
    const fraction = ownMs - next;
    this.#ownBaseMs = next;
    this.#monoMs = fraction > 0 && fraction < 1 ? monoMs - fraction / OWN_RATE : monoMs;
  }

  /**
   * All logical values of a millisecond are used: physical time moves on by one at once, within the saved bound. False:
   * it is as far ahead of both clocks as demand may drive it, and goes on with the next tick or save.
   */
  advance(time: TsoTime): boolean {
    const next = this.#physicalMs + 1;
    const clockMs = Math.max(time.wallMs, this.#ownMs(time));
    if (next >= this.#boundMs || next > clockMs + DEMAND_AHEAD_MS) return false;
    this.#physicalMs = next;
    this.#logical = 0;
    return true;
  }

  /** The last of `count` consecutive timestamps; else why there is none now: the next tick or save helps. */
  allocate(count: number): Timestamp | 'not-saved' | 'exhausted' {
    assert(count > 0 && count <= LOGICAL_COUNT, () => `tso count ${count}`);
    if (this.#physicalMs >= this.#boundMs) return 'not-saved';
    if (this.#logical + count > LOGICAL_COUNT) {
      // Any tick now moves on: what is left of this millisecond is given up.
      this.#logical = LOGICAL_COUNT;
      return 'exhausted';
    }
    this.#logical += count;
    return composeTimestamp(this.#physicalMs, this.#logical - 1);
  }
}
