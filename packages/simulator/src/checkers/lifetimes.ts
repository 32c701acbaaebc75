import { Findings } from './findings.js';
import { describeInterval, type Interval, type Verdict } from './history.js';

/** A look at a key that expires, between two moments of the scheduler's time, in milliseconds. */
export interface LifetimeRead extends Interval {
  readonly key: string;
  readonly isPresent: boolean;
  readonly from: number;
  readonly to: number;
  /** The key was certainly there before this time, and certainly not after that one. */
  readonly livesUntil: number;
  readonly goneFrom: number;
}

/** Clocks are read in whole milliseconds, before and after. */
const ROUNDING_MS = 1;

/** A key is there until its time has come, and is not there any more when it has passed. */
export function checkLifetimes(reads: readonly LifetimeRead[]): Verdict {
  const findings = new Findings('lifetimes');
  for (const read of reads) {
    const { key, isPresent, from, to, livesUntil, goneFrom } = read;
    const shown = [
      `${describeInterval(read)} ${key} was ${isPresent ? '' : 'not '}there between ${from} and ${to}`,
    ];
    if (isPresent && from > goneFrom + ROUNDING_MS) {
      findings.add('outlived', `${key} was there after ${goneFrom}`, shown);
    }
    if (!isPresent && to < livesUntil - ROUNDING_MS) {
      findings.add('cut short', `${key} was not there before ${livesUntil}`, shown);
    }
  }
  return { violations: findings.violations(), checked: reads.length, gaveUp: [] };
}
