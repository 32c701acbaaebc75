import type { Violation } from '../checkers/history.js';
import { drawPlan, type Plan, type PlanOptions } from '../run/plan.js';
import type { RunResult } from '../run/run-seed.js';

/** The oracle of runs that should have been equal. */
export const DETERMINISM = 'determinism';

/** What a worker is asked to do. */
export interface Job {
  readonly plan: PlanOptions | Plan;
  readonly log?: boolean;
  readonly untilEvent?: number;
  /** Run it in a fresh process, and in one that has run others before if there is one: the hashes must agree. */
  readonly twice?: boolean;
}

/** A result in a form that can be sent between processes: maps as pairs. */
export interface Report extends Omit<RunResult, 'tally'> {
  readonly faults: readonly (readonly [string, number])[];
  readonly happened: readonly (readonly [string, number])[];
  readonly checked: number;
  /** Simulated time with operations of clients in flight. */
  readonly busyMs: number;
  readonly cpuMs: number;
  /** A second process has run it too. */
  readonly ranTwice: boolean;
}

export function wholePlan(plan: PlanOptions | Plan): Plan {
  return 'faults' in plan ? plan : drawPlan(plan);
}

/** Of a run whose worker did not live to report. */
export function lostReport({ plan }: Job, oracle: string, message: string): Report {
  return {
    plan: wholePlan(plan),
    hash: 'none',
    events: 0,
    simulatedMs: 0,
    violations: [{ oracle, message, history: [] }],
    lines: [],
    faults: [],
    happened: [],
    checked: 0,
    busyMs: 0,
    cpuMs: 0,
    ranTwice: false,
  };
}

/** The first report, judged by the second: equal plans must give equal runs. */
export function compareRuns(first: Report, second: Report): Report {
  const report = { ...first, ranTwice: true, cpuMs: first.cpuMs + second.cpuMs };
  if (first.hash === second.hash && first.events === second.events) return report;
  const violation: Violation = {
    oracle: DETERMINISM,
    message: `two runs of one plan differ: hash ${first.hash} after ${first.events} events, hash ${second.hash} after ${second.events} events`,
    history: [],
  };
  return { ...report, violations: [...first.violations, violation] };
}
