import { Findings } from './findings.js';
import { describeInterval, type Interval, type Verdict } from './history.js';

/** A moment, in milliseconds: by the scheduler's greatest timestamp until then, and by simulated time. */
export interface Moment {
  readonly schedulerMs: number;
  readonly worldMs: number;
}

/** A key that was put once, with a time to live, between two moments. */
export interface ExpiringKey {
  readonly key: string;
  readonly from: Moment;
  readonly to: Moment;
  readonly ttlMs: number;
}

/** A read of such a key, between two moments. */
export interface ExpiringRead extends Interval {
  readonly key: string;
  readonly from: Moment;
  readonly to: Moment;
  readonly found: boolean;
}

/** Clocks may be faster or slower than simulated time by so much. */
const DRIFT = 1.1;

/**
 * A key is there until its time and never afterwards. The scheduler's time jumps by what it reserves, or with its clock,
 * and a gateway that does not reach it goes by its own clock meanwhile: a read is late, or early, when it is by both.
 */
export function checkExpiry(
  keys: readonly ExpiringKey[],
  reads: readonly ExpiringRead[],
  slackMs: number,
): Verdict {
  const findings = new Findings('expiry');
  const byName = new Map(keys.map((key) => [key.key, key]));
  for (const read of reads) {
    const put = byName.get(read.key);
    if (put === undefined) continue;
    const { ttlMs } = put;
    const late =
      read.from.schedulerMs > put.to.schedulerMs + ttlMs + slackMs &&
      read.from.worldMs > put.to.worldMs + ttlMs * DRIFT + slackMs;
    const early =
      read.to.schedulerMs + slackMs < put.from.schedulerMs + ttlMs &&
      read.to.worldMs + slackMs < put.from.worldMs + ttlMs / DRIFT;
    if (read.found && late) {
      findings.add('seen too late', `${read.key} was read after its time`, describe(put, read));
    } else if (!read.found && early) {
      findings.add('gone too early', `${read.key} was gone before its time`, describe(put, read));
    }
  }
  return { violations: findings.violations(), checked: reads.length, gaveUp: [] };
}

function describe(put: ExpiringKey, read: ExpiringRead): string[] {
  const between = ({ from, to }: ExpiringKey | ExpiringRead): string =>
    `between ${from.schedulerMs} and ${to.schedulerMs} (simulated ${from.worldMs} and ${to.worldMs})`;
  return [
    `put ${put.key} for ${put.ttlMs} ms ${between(put)}`,
    `${describeInterval(read)} get → ${read.found ? 'found' : 'nil'} ${between(read)}`,
  ];
}
