import { failPoints } from '@tinykv/base';
import type { Plan } from '../run/plan.js';
import type { Report } from './job.js';
import { hours, type Totals } from './totals.js';

/** Lines of a history that are printed; a longer one is cut in the middle. */
const HISTORY_LINES_MAX = 80;

/** The command that runs a plan again. */
export function replayCommand({ seed, profile, workload, mutant }: Plan): string {
  const planted = mutant === undefined ? '' : ` --mutant ${mutant}`;
  return `pnpm sim --seed ${seed} --profile ${profile} --workload ${workload}${planted}`;
}

export function describePlan(plan: Plan): string {
  const { shape, faults, durationMs, keys } = plan;
  return [
    `seed ${plan.seed}, profile ${plan.profile}, workload ${plan.workload}:`,
    `${shape.stores} stores, ${shape.gateways} gateways, ${shape.clients} clients, ${keys} keys,`,
    `${faults.length} faults in ${(durationMs / 1_000).toFixed(1)} s`,
  ].join(' ');
}

/** The faults of a plan, a line each. */
export function faultLines({ faults }: Plan): string[] {
  return faults.map(({ kind, at, lastsMs, target, amount }) => {
    const times = `${at.toFixed(3).padStart(12)} ms ${kind.padEnd(17)} for ${lastsMs.toFixed(3)} ms`;
    return `${times}, target ${target}, amount ${amount.toFixed(3)}`;
  });
}

/** What a person needs of a failure; `how` runs it again. */
export function failureText(report: Report, commit: string, how: string): string {
  const { plan, hash, events, violations } = report;
  const head = [
    `FAILED seed ${plan.seed}`,
    `commit ${commit}`,
    `profile ${plan.profile}`,
    `workload ${plan.workload}`,
    `hash ${hash} after ${events} events`,
  ].join(', ');
  const what = violations.flatMap(({ oracle, message, history }) => [
    `  ${oracle}: ${message}`,
    ...cut(history).map((line) => `    ${line}`),
  ]);
  return [head, ...what, `  replay: ${how}`].join('\n');
}

function cut(lines: readonly string[]): readonly string[] {
  if (lines.length <= HISTORY_LINES_MAX) return lines;
  const half = HISTORY_LINES_MAX / 2;
  const left = lines.length - HISTORY_LINES_MAX;
  return [...lines.slice(0, half), `… ${left} more lines …`, ...lines.slice(-half)];
}

/** The end of a command that ran many seeds. */
export function totalsText(totals: Totals, seconds: number): string {
  const { seeds, failed, simulatedMs, busyMs, checked, ranTwice } = totals;
  const rows: readonly (readonly [string, string])[] = [
    ['seeds', `${seeds} run, ${failed} failed, ${ranTwice} run twice`],
    ...(failed === 0 ? [] : [['violations', pairs(totals.oracles)] as const]),
    [
      'simulated',
      `${hours(simulatedMs).toFixed(2)} h, ${hours(busyMs).toFixed(2)} h of them with operations in flight`,
    ],
    [
      'speed',
      `${totals.speed.toFixed(2)} simulated hours per CPU minute, ${seconds.toFixed(0)} s of real time`,
    ],
    ['operations', `${checked} checked`],
    ['faults', `${pairs(totals.faults)}; ${totals.faultKindsPerSeed.toFixed(1)} kinds a seed`],
    ['happened', pairs(totals.happened)],
    ['points', pointsText(totals)],
  ];
  return rows.map(([name, text]) => `${name.padEnd(11)}${text}`).join('\n');
}

/** Fail points: how many were met, and which never. */
function pointsText({ passed, deaths }: Totals): string {
  const never = failPoints.filter((name) => !passed.has(name));
  const survived = failPoints.filter((name) => passed.has(name) && !deaths.has(name));
  const parts = [`${passed.size} of ${failPoints.length} passed, ${deaths.size} died at`];
  if (never.length > 0) parts.push(`never passed: ${never.join(', ')}`);
  if (survived.length > 0) parts.push(`never died at: ${survived.join(', ')}`);
  return parts.join('; ');
}

function pairs(counts: ReadonlyMap<string, number>): string {
  if (counts.size === 0) return 'none';
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}

export function progressText(totals: Totals, wanted: number, seconds: number): string {
  const { seeds, failed, busyMs, checked } = totals;
  const minutes = `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`;
  const parts = [
    `${seeds}/${wanted} seeds`,
    `${failed} failed`,
    `${hours(busyMs).toFixed(2)} h simulated`,
    `${checked} operations`,
    minutes,
  ];
  return parts.join(', ');
}
