import { Findings } from './findings.js';
import type { Verdict } from './history.js';

/** A read of two keys that every writer changes together. */
export interface PairRead {
  readonly call: number;
  readonly values: readonly [string | null, string | null];
}

/** What is always written together is always read alike. */
export function checkPairs(reads: readonly PairRead[]): Verdict {
  const findings = new Findings('pairs');
  for (const { call, values } of reads) {
    const [left, right] = values;
    if (left === right) continue;
    const text = `${left ?? 'nil'} and ${right ?? 'nil'}`;
    const shown = [`[${call}] mget → ${text}`];
    findings.add('halves', `two keys that change together were read as ${text}`, shown);
  }
  return { violations: findings.violations(), checked: reads.length, gaveUp: [] };
}
