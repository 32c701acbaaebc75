import { Findings } from './findings.js';
import { describeInterval, type Interval, type Verdict } from './history.js';

/** The two keys of a pair as a snapshot showed them. */
export interface SkewRead extends Interval {
  readonly pair: string;
  readonly ts: bigint;
  readonly present: readonly [boolean, boolean];
}

/**
 * Transactions delete one key of a pair only when they have seen the other, which they lock: once there was one, there is
 * always one. Two that each delete another one are a write skew, which their locks promise to prevent.
 */
export function checkSkew(reads: readonly SkewRead[]): Verdict {
  const findings = new Findings('write skew');
  const first = new Map<string, bigint>();
  for (const { pair, ts, present } of reads) {
    if (!present.some(Boolean)) continue;
    const known = first.get(pair);
    if (known === undefined || ts < known) first.set(pair, ts);
  }
  for (const { pair, ts, present, ...interval } of reads) {
    const since = first.get(pair);
    if (since === undefined || ts < since || present.some(Boolean)) continue;
    const text = `both keys of ${pair} are gone at ${ts}, one was there at ${since}`;
    findings.add('both gone', text, [`${describeInterval(interval)} at ${ts}: nothing of ${pair}`]);
  }
  return { violations: findings.violations(), checked: reads.length, gaveUp: [] };
}
