import { hours, type Totals } from './totals.js';

/** What the seeds of `make test` must add up to: a quiet suite that meets nothing is worth nothing. */
export const suiteLimits = {
  /** The same seeds every time, so that what one has found stays found. */
  fixedSeeds: 180,
  /** And others every time. */
  freshSeeds: 20,
  busyHoursMin: 2,
  checkedMin: 100_000,
  /** Of each of the events below. */
  happenedMin: 50,
  faultKindsPerSeedMin: 3,
  /** Names of fail points that some process came to. */
  failPointsMin: 60,
  /** Keys whose history no checker could judge, which says nothing of them. */
  tooHardMax: 0,
  /** Of real time, in seconds: what the suite may take of `make test` on two processors. */
  secondsBudget: 180,
} as const;

const happenings = [
  'leader change',
  'split',
  'snapshot applied',
  'conf change',
  'crash that loses un-fsynced bytes',
  'crash that keeps some unsynced engine batches and loses others',
  'partition',
  'freeze longer than the lease',
  'result unknown',
  'scheduler restart',
  'versions collected',
  'transaction below the safe point',
] as const;

export interface Demand {
  readonly met: boolean;
  readonly text: string;
}

export function demandsOf(totals: Totals): Demand[] {
  const { busyHoursMin, checkedMin, happenedMin, faultKindsPerSeedMin, tooHardMax, failPointsMin } =
    suiteLimits;
  const tooHard = totals.happened.get('history too hard to judge') ?? 0;
  const busyHours = hours(totals.busyMs);
  return [
    {
      met: busyHours >= busyHoursMin,
      text: `${busyHours.toFixed(2)} simulated hours with operations in flight, at least ${busyHoursMin}`,
    },
    {
      met: totals.checked >= checkedMin,
      text: `${totals.checked} operations checked, at least ${checkedMin}`,
    },
    {
      met: totals.faultKindsPerSeed >= faultKindsPerSeedMin,
      text: `${totals.faultKindsPerSeed.toFixed(1)} kinds of faults a seed, at least ${faultKindsPerSeedMin}`,
    },
    {
      met: totals.ranTwice > 0 && totals.disagreed === 0,
      text: `${totals.ranTwice} seeds run twice, ${totals.disagreed} of them not alike`,
    },
    {
      met: totals.checked > 0 && tooHard <= tooHardMax,
      text: `${tooHard} histories too hard to judge, at most ${tooHardMax}`,
    },
    {
      met: totals.passed.size >= failPointsMin,
      text: `${totals.passed.size} fail points passed, at least ${failPointsMin}`,
    },
    ...happenings.map((name) => {
      const count = totals.happened.get(name) ?? 0;
      return { met: count >= happenedMin, text: `${name} ${count} times, at least ${happenedMin}` };
    }),
  ];
}
