import type { Interval } from './history.js';
import { checkLinearizable, type StepBudget } from './linearizability.js';
import type { Model, State } from './model.js';

/** Steps that shortening may cost, and one attempt to begin later: what is found by then is good enough. */
const STEPS_MAX = 2_000_000;
const STEPS_PER_BEGIN_MAX = 20_000;
/** Operations shown only to tell where a value comes from. */
const SOURCES_MAX = 8;

/**
 * A short history that shows why `ops` is illegal. Each reduction is one that cannot make a legal history
 * illegal: the end is cut off at a moment in time, the beginning before an operation after which the
 * state is known, and of the rest goes only what the model can spare. Who wrote what is read in it is
 * shown too.
 */
export function shortestIllegal<S extends State, Op extends Interval>(
  model: Model<S, Op>,
  ops: readonly Op[],
): readonly Op[] {
  const budget: StepBudget = { left: STEPS_MAX };
  const prefix = shortestPrefix(model, ops, budget);
  const { from, initial, rest } = fromKnownState(model, prefix, budget);
  const kept = thin({ ...model, initial }, rest, budget);
  const shown = from === undefined ? kept : [from, ...kept];
  const names = new Set(shown.map(nameOf));
  const isSource = model.sources(shown);
  const sources = prefix.filter((op) => isSource(op) && !names.has(nameOf(op)));
  return [...sources.slice(-SOURCES_MAX), ...shown].sort((a, b) => a.call - b.call);
}

/** An operation stays the same when its result is forgotten. */
function nameOf({ client, call }: Interval): string {
  return `${client} ${call}`;
}

/** What was known at the moment at which it can first be seen that the history is illegal. */
function shortestPrefix<S extends State, Op extends Interval>(
  model: Model<S, Op>,
  ops: readonly Op[],
  budget: StepBudget,
): readonly Op[] {
  const returns = ops
    .map(({ ret }) => ret)
    .filter(Number.isFinite)
    .sort((a, b) => a - b);
  const isIllegal = (time: number): boolean =>
    checkLinearizable(model, until(model, ops, time), budget) === 'illegal';
  let low = 0;
  let high = returns.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isIllegal(returns[middle]!)) high = middle;
    else low = middle + 1;
  }
  const time = returns[high];
  return time !== undefined && isIllegal(time) ? until(model, ops, time) : ops;
}

/** The history as it stood at a moment: what had not returned by then is not known. */
function until<S extends State, Op extends Interval>(
  model: Model<S, Op>,
  ops: readonly Op[],
  time: number,
): readonly Op[] {
  return ops
    .filter(({ call }) => call <= time)
    .map((op) => (op.ret <= time ? op : model.forget(op)))
    .filter((op) => op !== undefined);
}

interface Suffix<S, Op> {
  /** After it the state is `initial`; missing when the history begins at its beginning. */
  readonly from: Op | undefined;
  readonly initial: S;
  readonly rest: readonly Op[];
}

/** What follows on the latest operation with a known state after it that still makes the rest illegal. */
function fromKnownState<S extends State, Op extends Interval>(
  model: Model<S, Op>,
  ops: readonly Op[],
  budget: StepBudget,
): Suffix<S, Op> {
  const returned = ops.filter(({ ret }) => Number.isFinite(ret)).sort((a, b) => b.call - a.call);
  for (const from of returned) {
    const initial = model.pins(from);
    if (budget.left <= 0) break;
    if (initial === undefined) continue;
    const rest = ops
      .filter((op) => op !== from && op.ret >= from.call)
      // What overlaps it may have come before it, with whatever reply, or come after it.
      .map((op) => (op.call > from.ret ? op : model.forget(op)))
      .filter((op) => op !== undefined);
    const attempt: StepBudget = { left: Math.min(budget.left, STEPS_PER_BEGIN_MAX) };
    budget.left -= attempt.left;
    const answer = checkLinearizable({ ...model, initial }, rest, attempt);
    budget.left += attempt.left;
    if (answer === 'illegal') return { from, initial, rest };
  }
  return { from: undefined, initial: model.initial, rest: ops };
}

/** Leaves out what can be spared, in halves, quarters … and at last one by one. */
function thin<S extends State, Op extends Interval>(
  model: Model<S, Op>,
  ops: readonly Op[],
  budget: StepBudget,
): readonly Op[] {
  let kept = [...ops].sort((a, b) => a.call - b.call);
  for (let size = Math.ceil(kept.length / 2); size >= 1; size = size === 1 ? 0 : size >> 1) {
    for (let from = 0; from < kept.length; ) {
      const rest = without(model, kept, from, from + size);
      const isShorter = rest.length < kept.length;
      if (isShorter && checkLinearizable(model, rest, budget) === 'illegal') kept = rest;
      else from += size;
    }
  }
  return kept;
}

/** All but those in [from, to) that can be spared: reads first, since writes may be there only for them. */
function without<S extends State, Op extends Interval>(
  model: Model<S, Op>,
  ops: readonly Op[],
  from: number,
  to: number,
): Op[] {
  const chosen = new Set(ops.slice(from, to));
  const unread = ops.filter((op) => !(chosen.has(op) && model.isPure(op)));
  const maySpare = model.spare(unread);
  return unread.filter((op) => !(chosen.has(op) && maySpare(op)));
}
