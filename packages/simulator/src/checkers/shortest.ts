import type { Interval } from './history.js';
import { checkLinearizable, type StepBudget } from './linearizability.js';
import type { Model, State } from './model.js';

/** Steps that shortening may cost; what it finds by then is good enough. */
const STEPS_MAX = 3_000_000;

/**
 * A short history that shows why `ops` is illegal. Each reduction is one that cannot make a legal history
 * illegal: the end is cut off at a moment in time, the beginning before a write that nothing overlaps,
 * and of the rest goes only what the model can spare.
 */
export function shortestIllegal<S extends State, Op extends Interval>(
  model: Model<S, Op>,
  ops: readonly Op[],
): readonly Op[] {
  const budget: StepBudget = { left: STEPS_MAX };
  const isIllegal = (history: readonly Op[]): boolean =>
    checkLinearizable(model, history, budget) === 'illegal';
  const prefix = shortestPrefix(model, ops, isIllegal);
  return thin(model, fromLastWrite(model, prefix, isIllegal), isIllegal);
}

/** What was known at the moment at which it can first be seen that the history is illegal. */
function shortestPrefix<S extends State, Op extends Interval>(
  model: Model<S, Op>,
  ops: readonly Op[],
  isIllegal: (history: readonly Op[]) => boolean,
): readonly Op[] {
  const returns = ops
    .map(({ ret }) => ret)
    .filter(Number.isFinite)
    .sort((a, b) => a - b);
  let low = 0;
  let high = returns.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isIllegal(until(model, ops, returns[middle]!))) high = middle;
    else low = middle + 1;
  }
  const prefix = high < 0 ? ops : until(model, ops, returns[high]!);
  return isIllegal(prefix) ? prefix : ops;
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

/** The history from the last write on that has all of the rest either before it or after it. */
function fromLastWrite<S extends State, Op extends Interval>(
  model: Model<S, Op>,
  ops: readonly Op[],
  isIllegal: (history: readonly Op[]) => boolean,
): readonly Op[] {
  const alone = ops.filter(
    (op) =>
      Number.isFinite(op.ret) &&
      model.isBlind(op) &&
      ops.every((other) => other === op || other.ret < op.call || other.call > op.ret),
  );
  for (const write of alone.sort((a, b) => b.call - a.call)) {
    const rest = ops.filter(({ call }) => call >= write.call);
    if (model.isGrounded(rest) && isIllegal(rest)) return rest;
  }
  return ops;
}

/** Leaves out what can be spared, in halves, quarters … and at last one by one. */
function thin<S extends State, Op extends Interval>(
  model: Model<S, Op>,
  ops: readonly Op[],
  isIllegal: (history: readonly Op[]) => boolean,
): readonly Op[] {
  let kept = [...ops].sort((a, b) => a.call - b.call);
  for (let size = Math.ceil(kept.length / 2); size >= 1; size = size === 1 ? 0 : size >> 1) {
    for (let from = 0; from < kept.length; ) {
      const rest = without(model, kept, from, from + size);
      if (rest.length < kept.length && isIllegal(rest)) kept = rest;
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
