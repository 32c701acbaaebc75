import { Findings } from './findings.js';
import { describeInterval, type Interval, type Verdict } from './history.js';

/** Clocks may be slower than time by so much. */
const DRIFT = 1.1;

/** A key that was put once, with a time to live. Times are the scheduler's, in milliseconds. */
export interface ExpiringKey {
  readonly key: string;
  /** It was put no earlier than that, and no later. */
  readonly putFromMs: number;
  readonly putToMs: number;
  /** Simulated time when the put had returned. */
  readonly putAt: number;
  readonly ttlMs: number;
}

/** A read of such a key. */
export interface ExpiringRead extends Interval {
  readonly key: string;
  /** It was answered no earlier than that, and no later. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Simulated time when it began. */
  readonly readAt: number;
  readonly found: boolean;
}

/**
 * A key is there until its time and never afterwards. The scheduler's time may jump by what it reserves, or with its
 * clock, and a gateway that does not reach it goes by its own clock meanwhile: a read is late when it is by both.
 * `slackMs` is how far they may be apart otherwise.
 */
export function checkExpiry(
  keys: readonly ExpiringKey[],
  reads: readonly ExpiringRead[],
  slackMs: number,
): Verdict {
  const findings = new Findings('expiry');
  const byName = new Map(keys.map((key) => [key.key, key]));
  for (const { key, fromMs, toMs, readAt, found, ...interval } of reads) {
    const put = byName.get(key);
    if (put === undefined) continue;
    const { putFromMs, putToMs, putAt, ttlMs } = put;
    const isLate = fromMs > putToMs + ttlMs + slackMs && readAt > putAt + DRIFT * ttlMs + slackMs;
    const shown = [
      `put ${key} between ${putFromMs} and ${putToMs} for ${ttlMs} ms`,
      `${describeInterval(interval)} get between ${fromMs} and ${toMs} → ${found ? 'found' : 'nil'}`,
    ];
    if (found && isLate) {
      findings.add('seen too late', `${key} was read after its time`, shown);
    } else if (!found && toMs + slackMs < putFromMs + ttlMs) {
      findings.add('gone too early', `${key} was gone before its time`, shown);
    }
  }
  return { violations: findings.violations(), checked: reads.length, gaveUp: [] };
}
