import { BitWindow } from './bit-window.js';
import { Demands } from './demands.js';
import { EntryList } from './entry-list.js';
import type { Interval } from './history.js';
import type { Model, State } from './model.js';

export type Answer = 'linearizable' | 'illegal' | 'gave up';

/** Steps of the model that a search may still make; shared by the searches that draw from it. */
export interface StepBudget {
  left: number;
}

/**
 * Looks for an order of the operations in which each has its reply and which keeps real time (Wing and
 * Gong, with Lowe's memo: a set of operations with the state after them is tried once). Operations of
 * unknown result may take effect at any time after their call, or never.
 */
export function checkLinearizable<S extends State, Op extends Interval>(
  model: Model<S, Op>,
  ops: readonly Op[],
  budget: StepBudget,
): Answer {
  return new Search(model, ops, budget).run();
}

/** A choice that can be taken back: a known operation by its entry, or an unknown one by its number. */
interface Choice<S> {
  readonly kind: 'known' | 'unknown' | 'pure';
  readonly at: number;
  readonly before: S;
}

class Search<S extends State, Op extends Interval> {
  readonly #model: Model<S, Op>;
  readonly #budget: StepBudget;
  /** By call. */
  readonly #known: readonly Op[];
  /** By call. Kept out of the list: each is tried only where no known operation leads on. */
  readonly #unknown: readonly Op[];
  readonly #entries: EntryList;
  readonly #demands: Demands<S, Op>;
  readonly #memo = new Map<S, Set<string>>();
  readonly #done: BitWindow;
  readonly #used: BitWindow;
  readonly #choices: Choice<S>[] = [];
  #state: S;
  #left: number;

  constructor(model: Model<S, Op>, ops: readonly Op[], budget: StepBudget) {
    this.#model = model;
    this.#budget = budget;
    const byCall = [...ops].sort((a, b) => a.call - b.call);
    const maySpare = model.spare(ops);
    this.#known = byCall.filter((op) => Number.isFinite(op.ret));
    this.#unknown = byCall.filter((op) => !Number.isFinite(op.ret) && !maySpare(op));
    this.#entries = new EntryList(this.#known);
    this.#demands = new Demands(model, this.#known, this.#unknown);
    this.#done = new BitWindow(this.#known.length);
    this.#used = new BitWindow(this.#unknown.length);
    this.#state = model.initial;
    this.#left = this.#known.length;
  }

  run(): Answer {
    let entry = this.#settle();
    let unknown = 0;
    while (this.#left > 0) {
      if (this.#budget.left <= 0) return 'gave up';
      if (this.#choose(entry, unknown)) {
        entry = this.#settle();
        unknown = 0;
        continue;
      }
      const undone = this.#undo();
      if (undone === undefined) return 'illegal';
      const wasKnown = undone.kind === 'known';
      // The choice after the one that led nowhere; unknown operations come after all known ones.
      entry = wasKnown ? this.#entries.after(undone.at) : this.#entries.barrier();
      unknown = wasKnown ? 0 : undone.at + 1;
    }
    return 'linearizable';
  }

  /**
   * Takes every operation that is possible now and changes nothing, and needs no second thought: an
   * order that has it later has it as well now. Returns the first entry that is left.
   */
  #settle(): number {
    const { first } = this.#entries;
    let entry = first();
    while (this.#entries.isCall(entry)) {
      const at = this.#entries.operation(entry);
      const op = this.#known[at]!;
      if (this.#model.isPure(op) && this.#step(op) !== undefined) {
        this.#take('pure', entry);
        entry = first();
      } else {
        entry = this.#entries.after(entry);
      }
    }
    return first();
  }

  /** Takes the next operation that may come now and leads to something new. */
  #choose(from: number, fromUnknown: number): boolean {
    let entry = from;
    for (; this.#entries.isCall(entry); entry = this.#entries.after(entry)) {
      const op = this.#known[this.#entries.operation(entry)]!;
      if (this.#model.isPure(op)) continue;
      const next = this.#step(op);
      if (next === undefined || this.#demands.forbid(op, this.#state, next)) continue;
      if (this.#tryOut('known', entry, next)) return true;
    }
    // What has returned must come first: nothing called after that return may overtake it.
    const barrier = this.#entries.time(entry);
    for (let i = fromUnknown; i < this.#unknown.length; i++) {
      const op = this.#unknown[i]!;
      if (op.call > barrier) break;
      if (this.#used.has(i)) continue;
      const next = this.#step(op);
      if (next === undefined || next === this.#state) continue;
      if (this.#demands.forbid(op, this.#state, next)) continue;
      if (this.#tryOut('unknown', i, next)) return true;
    }
    return false;
  }

  #step(op: Op): S | undefined {
    this.#budget.left--;
    return this.#model.step(this.#state, op);
  }

  /** False, with nothing changed, when the same operations have led to the same state before. */
  #tryOut(kind: 'known' | 'unknown', at: number, next: S): boolean {
    const [bits, bit] =
      kind === 'known' ? [this.#done, this.#entries.operation(at)] : [this.#used, at];
    bits.add(bit);
    let seen = this.#memo.get(next);
    if (seen === undefined) {
      seen = new Set();
      this.#memo.set(next, seen);
    }
    const key = `${this.#done.text()}/${this.#used.text()}`;
    bits.delete(bit);
    if (seen.has(key)) return false;
    seen.add(key);
    this.#take(kind, at);
    this.#state = next;
    return true;
  }

  #take(kind: Choice<S>['kind'], at: number): void {
    this.#choices.push({ kind, at, before: this.#state });
    if (kind === 'unknown') {
      this.#used.add(at);
      this.#demands.take(this.#unknown[at]!);
      return;
    }
    const operation = this.#entries.operation(at);
    this.#done.add(operation);
    this.#demands.take(this.#known[operation]!);
    this.#entries.lift(at);
    this.#left--;
  }

  /** Takes back the last choice that had an alternative, and all that followed from it. */
  #undo(): Choice<S> | undefined {
    for (;;) {
      const choice = this.#choices.pop();
      if (choice === undefined) return undefined;
      this.#state = choice.before;
      if (choice.kind === 'unknown') {
        this.#used.delete(choice.at);
        this.#demands.giveBack(this.#unknown[choice.at]!);
        return choice;
      }
      const operation = this.#entries.operation(choice.at);
      this.#done.delete(operation);
      this.#demands.giveBack(this.#known[operation]!);
      this.#entries.unlift(choice.at);
      this.#left++;
      if (choice.kind === 'known') return choice;
    }
  }
}
