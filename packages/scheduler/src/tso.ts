import {
  assert,
  composeTimestamp,
  LOGICAL_COUNT,
  limits,
  nothingPlanted,
  type Planted,
  type Timestamp,
} from '@tinykv/base';

/** Physical time moves on its own once this many logical values of a millisecond are used. */
const LOGICAL_HIGH = LOGICAL_COUNT / 2;

/**
 * The oracle of one leadership, as a value: no clock, no disk, no promise.
 *
 * Invariant: every timestamp served is greater than all before it, and its physical part is below a
 * bound that is saved in the replicated state. A successor begins above that bound, so nothing repeats
 * or goes back over a restart, a change of leader or a jump of the clock; at worst time jumps ahead by
 * what was saved and not used.
 */
export class TsoOracle {
  readonly #saveIntervalMs: number;
  #physicalMs: number;
  /** The next free logical value of `physicalMs`. */
  #logical = 0;
  #boundMs: number;
  /** Planted bugs. */
  readonly #followsBack: boolean;
  readonly #restartsLogical: boolean;
  readonly #takesOne: boolean;

  /** `savedBoundMs` is what the state holds when the leadership begins: nothing is served under it. */
  constructor(
    savedBoundMs: number,
    wallMs: number,
    saveIntervalMs: number,
    planted: Planted = nothingPlanted,
  ) {
    this.#followsBack = planted('scheduler-tso-follows-wall-back');
    this.#restartsLogical = planted('scheduler-tso-logical-restarts');
    this.#takesOne = planted('scheduler-tso-ranges-overlap');
    this.#physicalMs = Math.max(wallMs, savedBoundMs + 1);
    this.#boundMs = savedBoundMs;
    this.#saveIntervalMs = saveIntervalMs;
  }

  get physicalMs(): number {
    return this.#physicalMs;
  }

  /** The bound to save next, or undefined while half of the interval is left. */
  wantedBound(wallMs: number): number | undefined {
    const ahead = Math.max(wallMs, this.#physicalMs);
    if (this.#boundMs - ahead > this.#saveIntervalMs / 2) return undefined;
    return ahead + this.#saveIntervalMs;
  }

  /** The bound is applied: timestamps below it may be served. */
  onSaved(boundMs: number): void {
    this.#boundMs = Math.max(this.#boundMs, boundMs);
  }

  /**
   * Follows the wall clock, to be called every 50 ms: a clock that is ahead is taken over, one that is
   * behind is ignored; then physical time moves by a millisecond once half of its logical values are used.
   */
  tick(wallMs: number): void {
    let next = this.#physicalMs;
    const isBehind = this.#followsBack && wallMs < this.#physicalMs;
    if (wallMs - this.#physicalMs > 1 || isBehind) next = wallMs;
    else if (this.#logical > LOGICAL_HIGH) next = this.#physicalMs + 1;
    if (this.#restartsLogical) this.#logical = 0;
    // A wall clock that leapt past the bound must wait for the save that it causes.
    if (next === this.#physicalMs || next >= this.#boundMs) return;
    this.#physicalMs = next;
    this.#logical = 0;
  }

  /** The last of `count` consecutive timestamps; else why there is none now: the next tick or save helps. */
  allocate(count: number): Timestamp | 'not-saved' | 'exhausted' {
    assert(count > 0 && count <= limits.tsoCountMax, () => `tso count ${count}`);
    if (this.#physicalMs >= this.#boundMs) return 'not-saved';
    if (this.#logical + count > LOGICAL_COUNT) {
      // Any tick now moves on: what is left of this millisecond is given up.
      this.#logical = LOGICAL_COUNT;
      return 'exhausted';
    }
    this.#logical += this.#takesOne ? 1 : count;
    return composeTimestamp(this.#physicalMs, this.#logical - 1);
  }
}
