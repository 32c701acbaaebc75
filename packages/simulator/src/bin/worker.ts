import { drawPlan, type Plan, type PlanOptions } from '../run/plan.js';
import { type RunResult, runSeed } from '../run/run-seed.js';
import { closeDoors } from '../world/doors.js';

/** What a worker is asked to do. */
export interface Job {
  readonly plan: PlanOptions | Plan;
  readonly log?: boolean;
  readonly untilEvent?: number;
}

/** A result without what cannot be sent: maps as pairs. */
export interface Report extends Omit<RunResult, 'tally'> {
  readonly faults: readonly (readonly [string, number])[];
  readonly happened: readonly (readonly [string, number])[];
  readonly checked: number;
  readonly cpuMs: number;
}

async function run({ plan, log, untilEvent }: Job): Promise<Report> {
  const whole = 'faults' in plan ? plan : drawPlan(plan);
  const before = process.cpuUsage();
  const reopen = closeDoors();
  try {
    const { tally, ...result } = await runSeed(whole, {
      log: log ?? false,
      ...(untilEvent === undefined ? {} : { untilEvent }),
    });
    reopen();
    const { user, system } = process.cpuUsage(before);
    return {
      ...result,
      faults: [...tally.faults],
      happened: [...tally.events],
      checked: tally.checked,
      cpuMs: (user + system) / 1_000,
    };
  } finally {
    reopen();
  }
}

process.on('message', (job: Job) => {
  run(job).then(
    (report) => process.send?.(report),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
