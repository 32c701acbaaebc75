import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { errorMessage } from '@tinykv/base';
import { type Plan, workloadNames } from '../run/plan.js';
import { UsageError } from './arguments.js';

export function readPlan(path: string): Plan {
  try {
    return parsePlan(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new UsageError(`cannot use ${path}: ${errorMessage(error)}`);
  }
}

/** Checks the outline only: a plan is written by this program, not by hand. */
export function parsePlan(text: string): Plan {
  const plan = JSON.parse(text) as Partial<Plan> | null;
  const isPlan =
    typeof plan?.seed === 'number' &&
    typeof plan.durationMs === 'number' &&
    Array.isArray(plan.faults) &&
    typeof plan.shape === 'object' &&
    workloadNames.some((name) => name === plan.workload);
  if (!isPlan) throw new UsageError('it is not a plan');
  return plan as Plan;
}

export function writePlan(path: string, plan: Plan): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(plan, undefined, 2)}\n`);
}
