import { type CounterHistory, checkCounter } from './counter.js';
import type { Interval, Verdict, Violation } from './history.js';
import { checkLinearizable } from './linearizability.js';
import type { Model, State } from './model.js';
import { shortestIllegal } from './shortest.js';

/** Steps that the judgement of one key may take: some seconds. */
const STEPS_PER_KEY_MAX = 5_000_000;

/** Judges each key by itself: a history is linearizable when the history of each of its keys is. */
export function judgeKeys<S extends State, Op extends Interval>(
  model: Model<S, Op>,
  histories: ReadonlyMap<string, readonly Op[]>,
  stepsPerKeyMax: number = STEPS_PER_KEY_MAX,
): Verdict {
  const violations: Violation[] = [];
  const gaveUp: string[] = [];
  let checked = 0;
  for (const [key, ops] of histories) {
    const answer = checkLinearizable(model, ops, { left: stepsPerKeyMax });
    if (answer === 'gave up') {
      gaveUp.push(`${key}: ${ops.length} operations`);
      continue;
    }
    checked += ops.length;
    if (answer === 'linearizable') continue;
    const history = shortestIllegal(model, ops).map(model.describe);
    const message = `${key} has no order: ${history.length} of ${ops.length} operations show it`;
    violations.push({ oracle: 'linearizability', message, history });
  }
  return { violations, checked, gaveUp };
}

/** Judges each counter, with what it held at the end where that is known. */
export function judgeCounters(
  counters: ReadonlyMap<string, CounterHistory>,
  finals: ReadonlyMap<string, number>,
): Verdict {
  return mergeVerdicts(
    [...counters].map(([name, history]) => checkCounter(name, history, finals.get(name))),
  );
}

export function mergeVerdicts(verdicts: readonly Verdict[]): Verdict {
  return {
    violations: verdicts.flatMap(({ violations }) => violations),
    checked: verdicts.reduce((sum, { checked }) => sum + checked, 0),
    gaveUp: verdicts.flatMap(({ gaveUp }) => gaveUp),
  };
}
