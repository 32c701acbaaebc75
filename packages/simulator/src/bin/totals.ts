import { DEATH_AT, PASSED } from '../run/tally.js';
import { DETERMINISM, type Report } from './job.js';

/** The sum of many runs. */
export class Totals {
  seeds = 0;
  failed = 0;
  simulatedMs = 0;
  busyMs = 0;
  cpuMs = 0;
  events = 0;
  checked = 0;
  ranTwice = 0;
  /** Of each run the number of kinds of faults that were carried out in it. */
  faultKinds = 0;
  /** Seeds by the oracle that convicted them first. */
  readonly oracles: Map<string, number> = new Map();
  /** Runs that were not the same when they were run again. */
  disagreed = 0;
  readonly faults: Map<string, number> = new Map();
  readonly happened: Map<string, number> = new Map();
  /** Fail points by name: how often a process came there, and how often it died there. */
  readonly passed: Map<string, number> = new Map();
  readonly deaths: Map<string, number> = new Map();

  add(report: Omit<Report, 'plan' | 'hash' | 'lines'>): void {
    this.seeds++;
    const [first] = report.violations;
    if (first !== undefined) {
      this.failed++;
      increase(this.oracles, first.oracle, 1);
    }
    if (report.violations.some(({ oracle }) => oracle === DETERMINISM)) this.disagreed++;
    this.simulatedMs += report.simulatedMs;
    this.busyMs += report.busyMs;
    this.cpuMs += report.cpuMs;
    this.events += report.events;
    this.checked += report.checked;
    if (report.ranTwice) this.ranTwice++;
    this.faultKinds += report.faults.length;
    for (const [kind, count] of report.faults) increase(this.faults, kind, count);
    for (const [name, count] of report.happened) this.#addEvent(name, count);
  }

  #addEvent(name: string, count: number): void {
    if (name.startsWith(PASSED)) increase(this.passed, name.slice(PASSED.length), count);
    else if (name.startsWith(DEATH_AT)) increase(this.deaths, name.slice(DEATH_AT.length), count);
    else increase(this.happened, name, count);
  }

  /** Simulated hours for each minute of a processor. */
  get speed(): number {
    return this.cpuMs === 0 ? 0 : hours(this.simulatedMs) / (this.cpuMs / 60_000);
  }

  get faultKindsPerSeed(): number {
    return this.seeds === 0 ? 0 : this.faultKinds / this.seeds;
  }
}

export function hours(ms: number): number {
  return ms / 3_600_000;
}

function increase(counts: Map<string, number>, name: string, by: number): void {
  counts.set(name, (counts.get(name) ?? 0) + by);
}
