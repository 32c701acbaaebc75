import type { Report } from '../bin/job.js';
import { drawPlan } from '../run/plan.js';

/** A report as a worker would send it, of a run in which nothing went wrong. */
export function sampleReport(changes: Partial<Report> = {}): Report {
  return {
    plan: drawPlan({ seed: 7, profile: 'swarm', workload: 'txn' }),
    hash: '0badcafe',
    events: 1_000,
    simulatedMs: 30_000,
    violations: [],
    lines: [],
    faults: [
      ['crash-store', 2],
      ['move-peer', 5],
    ],
    happened: [['split', 3]],
    checked: 400,
    busyMs: 27_000,
    cpuMs: 1_500,
    ranTwice: false,
    ...changes,
  };
}

export const staleRead: Report['violations'][number] = {
  oracle: 'linearizability',
  message: 'a read of a/raw/0/0 is stale',
  history: ['client 1 put v1', 'client 2 get nothing'],
};
