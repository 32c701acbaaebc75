import type { Interval } from './history.js';
import type { Model, State } from './model.js';

/** What operations that are still to be placed need a state for, and what may bring it about. */
interface Need {
  demands: number;
  yields: number;
}

/**
 * Cuts off orders that lead nowhere: a state must not be left while operations that are possible in it
 * alone are still to come and nothing is left that could bring it back. Where each value is written
 * once, this leaves few orders to try.
 */
export class Demands<S extends State, Op extends Interval> {
  readonly #model: Model<S, Op>;
  readonly #needs = new Map<S, Need>();
  readonly #yields = new Map<Op, readonly Need[]>();

  constructor(model: Model<S, Op>, known: readonly Op[], unknown: readonly Op[]) {
    this.#model = model;
    for (const op of known) {
      const state = model.demands(op);
      if (state === undefined) continue;
      const need = this.#needs.get(state);
      if (need === undefined) this.#needs.set(state, { demands: 1, yields: 0 });
      else need.demands++;
    }
    const states: ReadonlySet<S> = new Set(this.#needs.keys());
    for (const op of [...known, ...unknown]) {
      const needs = model.yields(op, states).map((state) => this.#needs.get(state)!);
      for (const need of needs) need.yields++;
      if (needs.length > 0) this.#yields.set(op, needs);
    }
  }

  /** Whether going from one state to another by `op` leaves a demand that nothing can meet. */
  forbid(op: Op, state: S, next: S): boolean {
    if (next === state) return false;
    const need = this.#needs.get(state);
    if (need === undefined) return false;
    const demands = need.demands - (this.#model.demands(op) === state ? 1 : 0);
    const yields = need.yields - (this.#yields.get(op)?.includes(need) ? 1 : 0);
    return demands > 0 && yields === 0;
  }

  take(op: Op): void {
    this.#count(op, -1);
  }

  giveBack(op: Op): void {
    this.#count(op, 1);
  }

  #count(op: Op, by: 1 | -1): void {
    const state = Number.isFinite(op.ret) ? this.#model.demands(op) : undefined;
    const demand = state === undefined ? undefined : this.#needs.get(state);
    if (demand !== undefined) demand.demands += by;
    for (const need of this.#yields.get(op) ?? []) need.yields += by;
  }
}
