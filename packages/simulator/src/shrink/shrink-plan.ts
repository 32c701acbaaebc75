import type { Fault } from '../faults/fault.js';
import { type Plan, workloadNames } from '../run/plan.js';
import type { StepRange } from '../workloads/workload.js';
import { ddmin, type FindFailing } from './ddmin.js';

/** Plans that are smaller than this one in one respect, the boldest first. */
type Reduction = (plan: Plan) => readonly Plan[];

const DURATION_MIN_MS = 1_000;
/** Times are tried as multiples of these, in milliseconds. */
const ROUND_MS = [1_000, 100, 10, 1] as const;
/** Steps of each client that are tried first. */
const FIRST_STEPS = [16, 64, 256, 1_024, 4_096] as const;

/**
 * Makes a failing plan small: faults first, since they explain most, then clients, nodes, keys, time, steps of
 * clients and settings, then round numbers; again, until a whole turn changes nothing. What a plan is tried for is the caller's.
 */
export async function shrinkPlan(
  plan: Plan,
  findFailing: FindFailing<Plan>,
  onStep: (plan: Plan) => void = () => {},
): Promise<Plan> {
  const find = withoutRepeats(findFailing);
  let best = plan;
  const take = (smaller: Plan | undefined): boolean => {
    if (smaller === undefined) return false;
    best = smaller;
    onStep(best);
    return true;
  };
  for (let before: Plan | undefined; before !== best; ) {
    before = best;
    const start = best;
    await ddmin(start.faults, async (candidates) => {
      const found = await find(candidates.map((faults) => ({ ...start, faults })));
      take(found);
      return found?.faults;
    });
    for (const reduction of reductions) {
      while (take(await find(reduction(best))));
    }
    for (let i = 0; i < best.faults.length; i++) {
      while (take(await find(roundFault(best, i))));
    }
  }
  return best;
}

/** A plan is tried once; what has not failed is not asked for again. */
function withoutRepeats(find: FindFailing<Plan>): FindFailing<Plan> {
  const tried = new Set<string>();
  return async (candidates) => {
    // Two reductions may come to the same plan.
    const fresh = new Map(candidates.map((plan) => [JSON.stringify(plan), plan]));
    for (const text of tried) fresh.delete(text);
    const found = await find([...fresh.values()]);
    for (const [text, plan] of fresh) {
      tried.add(text);
      if (plan === found) break;
    }
    return found;
  };
}

const reductions: readonly Reduction[] = [
  (plan) =>
    plan.workload === 'all'
      ? workloadNames.filter((name) => name !== 'all').map((workload) => ({ ...plan, workload }))
      : [],
  (plan) => smaller(plan.shape.clients, 1).map((clients) => withShape(plan, { clients })),
  (plan) => smaller(plan.shape.gateways, 1).map((gateways) => withShape(plan, { gateways })),
  (plan) => smaller(plan.shape.stores, 1).map((stores) => withShape(plan, { stores })),
  (plan) => smaller(plan.absent ?? 0, 0).map((absent) => ({ ...plan, absent })),
  (plan) => smaller(plan.keys, 2).map((keys) => ({ ...plan, keys })),
  shorter,
  fewerSteps,
  plainer,
  quieter,
  (plan) =>
    ROUND_MS.map((unit) => ({
      ...plan,
      faults: plan.faults.map((fault) => rounded(fault, unit)),
    })).filter((candidate) => differs(candidate, plan)),
];

function withShape(plan: Plan, shape: Partial<Plan['shape']>): Plan {
  return { ...plan, shape: { ...plan.shape, ...shape } };
}

/** Numbers below `value` and not below `min`: the least, the half, one less. */
function smaller(value: number, min: number): readonly number[] {
  const numbers = new Set([min, Math.ceil(value / 2), value - 1]);
  return [...numbers].filter((number) => number >= min && number < value);
}

/** Half of the time, and as much as the faults need; a fault after the end is none. */
function shorter(plan: Plan): readonly Plan[] {
  const needed = Math.max(0, ...plan.faults.map(({ at, lastsMs }) => at + lastsMs)) + 1_000;
  const halves = [plan.durationMs / 2, (plan.durationMs * 3) / 4, needed];
  return halves
    .map((ms) => Math.max(DURATION_MIN_MS, Math.ceil(ms / 1_000) * 1_000))
    .filter((durationMs) => durationMs < plan.durationMs)
    .map((durationMs) => ({
      ...plan,
      durationMs,
      faults: plan.faults.filter(({ at }) => at < durationMs),
    }));
}

/** Most failures need few of the steps before them: the first ones alone, then less and less of those. */
function fewerSteps(plan: Plan): readonly Plan[] {
  const { steps } = plan;
  if (steps === undefined) return FIRST_STEPS.map((to) => ({ ...plan, steps: [[0, to]] }));
  return steps
    .flatMap(([from, to], i) =>
      lessOf(from, to).map((left) => [...steps.slice(0, i), ...left, ...steps.slice(i + 1)]),
    )
    .map((fewer) => ({ ...plan, steps: fewer }));
}

/** Nothing of a row of steps, one half of it, or all but its middle. */
function lessOf(from: number, to: number): readonly (readonly StepRange[])[] {
  const length = to - from;
  if (length === 1) return [[]];
  const half = from + Math.ceil(length / 2);
  const halves: readonly (readonly StepRange[])[] = [[[from, half]], [[half, to]]];
  if (length < 3) return [[], ...halves];
  const third = Math.floor(length / 3);
  const ends: readonly StepRange[] = [
    [from, from + third],
    [to - third, to],
  ];
  return [[], ...halves, ends];
}

/** Settings as without a plan: all of them, those of one kind, single ones. */
function plainer(plan: Plan): readonly Plan[] {
  const { settings = {} } = plan.shape;
  const kinds = Object.entries(settings);
  const withOnly = (left: object): Plan => withShape(plan, { settings: left });
  const fewerKinds = kinds.map(([kind]) => withOnly(without(settings, kind)));
  const fewerValues = kinds.flatMap(([kind, values]) =>
    Object.keys(values).map((name) => withOnly({ ...settings, [kind]: without(values, name) })),
  );
  const { skew: _, ...even } = plan;
  return [withOnly({}), ...fewerKinds, ...fewerValues, even].filter((one) => differs(one, plan));
}

function without(object: object, name: string): object {
  return Object.fromEntries(Object.entries(object).filter(([other]) => other !== name));
}

/** A network that loses, doubles and reorders nothing, and disks and links that are quick. */
function quieter(plan: Plan): readonly Plan[] {
  const quiet = { lossRate: 0, duplicateRate: 0, reorderRate: 0 };
  const quick = { delayMinMs: 0.5, delayMeanMs: 1 };
  const networks: readonly Partial<Plan['network']>[] = [
    { ...quiet, ...quick },
    quiet,
    { lossRate: 0 },
    { duplicateRate: 0 },
    { reorderRate: 0 },
    quick,
  ];
  return [
    ...networks.map((network) => ({ ...plan, network: { ...plan.network, ...network } })),
    withShape(plan, { diskDelayMs: 1 }),
  ].filter((candidate) => differs(candidate, plan));
}

function roundFault(plan: Plan, at: number): readonly Plan[] {
  const fault = plan.faults[at]!;
  return ROUND_MS.filter((unit) => fault.at % unit !== 0 || fault.lastsMs % unit !== 0)
    .map((unit) => ({ ...plan, faults: plan.faults.with(at, rounded(fault, unit)) }))
    .filter((candidate) => differs(candidate, plan));
}

function rounded(fault: Fault, unit: number): Fault {
  const nearest = (ms: number): number => Math.round(ms / unit) * unit;
  // What lasts must last: rounding to nothing would make another fault of it.
  const lastsMs = fault.lastsMs === 0 ? 0 : Math.max(unit, nearest(fault.lastsMs));
  return { ...fault, at: nearest(fault.at), lastsMs };
}

function differs(a: Plan, b: Plan): boolean {
  return JSON.stringify(a) !== JSON.stringify(b);
}
