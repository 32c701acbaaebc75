import type { Plan } from '../run/plan.js';
import { EXIT, type SimOptions } from './arguments.js';
import { currentCommit } from './commit.js';
import type { Job, Report } from './job.js';
import { Pool } from './pool.js';
import { Progress } from './progress.js';
import { isRunTwice, planOf } from './seeds.js';
import { shrinkFailure } from './shrink-failure.js';
import { describePlan, failureText, progressText, replayCommand, totalsText } from './text.js';
import { Totals } from './totals.js';

/** `pnpm sim`: one seed, many seeds, or a plan from a file. */
export async function runSeeds(options: SimOptions, plan: Plan | undefined): Promise<number> {
  const jobs = jobsOf(options, plan);
  const wanted = plan === undefined ? (options.seeds ?? 1) : 1;
  const commit = currentCommit();
  const totals = new Totals();
  const progress = new Progress({ stdoutIsJson: options.json === true });
  const pool = new Pool(Math.min(options.jobs, wanted));
  let firstFailure: Report | undefined;
  try {
    await pool.run(
      () => jobs.next().value,
      (report) => {
        totals.add(report);
        if (report.violations.length > 0) firstFailure ??= report;
        if (options.json === true) progress.print(JSON.stringify(reportFigures(report)));
        else printReport(progress, report, options, commit);
        progress.show(() => progressText(totals, wanted, progress.seconds));
        return report.violations.length === 0 || options.keepGoing === true;
      },
    );
  } finally {
    pool.stop();
  }
  progress.clear();
  if (options.json === true) progress.print(JSON.stringify(totalsFigures(totals, commit)));
  else progress.print(totalsText(totals, progress.seconds));
  if (options.shrink === true && firstFailure !== undefined) {
    await shrinkFailure(firstFailure, options, progress, commit);
  }
  return totals.failed === 0 ? EXIT.ok : EXIT.violation;
}

function* jobsOf(options: SimOptions, plan: Plan | undefined): Generator<Job, undefined> {
  const { seed, seeds = 1, from, log, until } = options;
  const extra = {
    ...(log === true ? { log } : {}),
    ...(until === undefined ? {} : { untilEvent: until }),
  };
  if (plan !== undefined) {
    yield { plan, ...extra };
    return;
  }
  if (seed !== undefined) {
    yield { plan: planOf(seed, options), ...extra };
    return;
  }
  for (let next = from; next < from + seeds; next++) {
    yield { plan: planOf(next, options), twice: isRunTwice(next), ...extra };
  }
}

function printReport(
  progress: Progress,
  report: Report,
  options: SimOptions,
  commit: string,
): void {
  const isOne = options.seeds === undefined;
  if (isOne) progress.print(describePlan(report.plan));
  if (isOne || report.violations.length > 0) for (const line of report.lines) progress.print(line);
  if (isOne) {
    const { hash, events, simulatedMs } = report;
    progress.print(`hash ${hash} after ${events} events, ${(simulatedMs / 1_000).toFixed(3)} s`);
  }
  if (report.violations.length === 0) return;
  const how =
    options.plan === undefined ? replayCommand(report.plan) : `pnpm sim --plan ${options.plan}`;
  progress.print(failureText(report, commit, how));
}

function reportFigures({ plan, lines, ...rest }: Report): object {
  const { seed, profile, workload, mutant } = plan;
  return { seed, profile, workload, mutant, ...rest, ...(lines.length === 0 ? {} : { lines }) };
}

function totalsFigures(totals: Totals, commit: string): object {
  return {
    ...totals,
    faults: Object.fromEntries(totals.faults),
    happened: Object.fromEntries(totals.happened),
    commit,
  };
}
