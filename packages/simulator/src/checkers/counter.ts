import { describeInterval, type Interval, type Verdict, type Violation } from './history.js';

/** Increments of one counter by one, and reads of it. */
export interface CounterHistory {
  /** `value` is the reply; missing when it is unknown. */
  readonly increments: (Interval & { readonly value?: number })[];
  readonly reads: (Interval & { readonly value: number })[];
}

/** A value of the counter that somebody saw: by a read, or as the reply to an increment. */
interface Sight extends Interval {
  readonly value: number;
  readonly isIncrement: boolean;
}

/**
 * Each acknowledged increment counts once, one of unknown result once or never. So at any time the
 * counter is at least what had been acknowledged and at most what had been asked for, it never goes
 * back, and no two increments have the same reply. `final` is its value when all is over.
 */
export function checkCounter(name: string, history: CounterHistory, final?: number): Verdict {
  const { increments, reads } = history;
  const sights: Sight[] = [
    ...increments.flatMap((op) =>
      op.value === undefined ? [] : [{ ...op, value: op.value, isIncrement: true }],
    ),
    ...reads.map((op) => ({ ...op, isIncrement: false })),
  ];
  if (final !== undefined) {
    const times = [...increments, ...reads].flatMap(({ call, ret }) => [call, ret]);
    const after =
      times.reduce((most, time) => (Number.isFinite(time) ? Math.max(most, time) : most), 0) + 1;
    sights.push({ client: -1, call: after, ret: after, value: final, isIncrement: false });
  }
  const found = [findTwin(sights), findStepBack(sights), findOutOfBounds(increments, sights)];
  return {
    violations: found
      .filter((one) => one !== undefined)
      .map((one) => ({ oracle: 'counter', ...one, message: `${name}: ${one.message}` })),
    checked: sights.length,
    gaveUp: [],
  };
}

type Found = Pick<Violation, 'message' | 'history'> | undefined;

function findTwin(sights: readonly Sight[]): Found {
  const seen = new Map<number, Sight>();
  for (const sight of sights) {
    if (!sight.isIncrement) continue;
    const twin = seen.get(sight.value);
    if (twin !== undefined) {
      return {
        message: `two increments were both answered ${sight.value}`,
        history: [describe(twin), describe(sight)],
      };
    }
    seen.set(sight.value, sight);
  }
  return undefined;
}

/** Sweeps through time with the greatest value that has been seen so far. */
function findStepBack(sights: readonly Sight[]): Found {
  const calls = [...sights].sort((a, b) => a.call - b.call);
  const returns = [...sights].sort((a, b) => a.ret - b.ret);
  let returned = 0;
  let greatest: Sight | undefined;
  for (const sight of calls) {
    for (; returned < returns.length && returns[returned]!.ret < sight.call; returned++) {
      const done = returns[returned]!;
      if (greatest === undefined || done.value > greatest.value) greatest = done;
    }
    if (greatest === undefined) continue;
    const least = greatest.value + (sight.isIncrement ? 1 : 0);
    if (sight.value < least) {
      return {
        message: `${sight.value} was seen after ${greatest.value} had been`,
        history: [describe(greatest), describe(sight)],
      };
    }
  }
  return undefined;
}

function findOutOfBounds(
  increments: CounterHistory['increments'],
  sights: readonly Sight[],
): Found {
  const calls = increments.map(({ call }) => call).sort((a, b) => a - b);
  const returns = increments
    .filter(({ value }) => value !== undefined)
    .map(({ ret }) => ret)
    .sort((a, b) => a - b);
  for (const sight of sights) {
    // An increment that is seen by itself is among those that were asked for, not among those before it.
    const least = count(returns, (ret) => ret < sight.call) + (sight.isIncrement ? 1 : 0);
    const most = count(calls, (call) => call <= sight.ret);
    if (sight.value >= least && sight.value <= most) continue;
    return {
      message: `${sight.value} was seen when it could be ${least} to ${most}`,
      history: [describe(sight)],
    };
  }
  return undefined;
}

/** How many of the sorted times, from the first on, are as asked. */
function count(times: readonly number[], is: (time: number) => boolean): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (is(times[middle]!)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function describe(sight: Sight): string {
  const { value, isIncrement, client } = sight;
  if (client < 0) return `in the end: ${value}`;
  return `${describeInterval(sight)} ${isIncrement ? 'incr' : 'get'} → ${value}`;
}
