import { Findings } from './findings.js';
import type { Verdict } from './history.js';

/** A whole iteration of SCAN, from cursor 0 to cursor 0. */
export interface ScanRead {
  readonly client: number;
  readonly call: number;
  /** Keys that were there before it began and are never removed. */
  readonly present: readonly string[];
  readonly found: ReadonlySet<string>;
}

/** A key that is there from the beginning of a SCAN to its end is returned at least once. */
export function checkScans(scans: readonly ScanRead[]): Verdict {
  const findings = new Findings('scan');
  for (const { client, call, present, found } of scans) {
    const missing = present.filter((key) => !found.has(key));
    if (missing.length === 0) continue;
    const shown = `client ${client} [${call}] scan found ${found.size} keys, not ${missing.slice(0, 8).join(' ')}`;
    findings.add('missing key', `${missing.length} of ${present.length} keys`, [shown]);
  }
  return { violations: findings.violations(), checked: scans.length, gaveUp: [] };
}
