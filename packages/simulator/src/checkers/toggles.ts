import { Findings } from './findings.js';
import { describeInterval, type Interval, type Verdict } from './history.js';

/** A transaction that made a watched key or deleted it, and wrote the number of this change beside it. */
export interface Toggle extends Interval {
  readonly key: string;
  readonly number: number;
}

/** EXEC fails when a watched key has changed since, also when it is again as it was: no number is written twice. */
export function checkToggles(toggles: readonly Toggle[]): Verdict {
  const findings = new Findings('toggles');
  const known = new Map<string, Toggle>();
  for (const toggle of toggles) {
    const { key, number } = toggle;
    const name = `${key} ${number}`;
    const other = known.get(name);
    known.set(name, toggle);
    if (other === undefined) continue;
    const message = `two transactions made change ${number} of ${key}, which both had watched`;
    findings.add('watched key', message, [other, toggle].map(describeInterval));
  }
  return { violations: findings.violations(), checked: toggles.length, gaveUp: [] };
}
